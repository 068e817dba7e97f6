"""The base of every task: where its outputs lie, how they are written, what is recorded."""

import contextlib
import functools
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import law
import luigi

from tasks.framework import outputs, provenance, remote, storage
from tasks.framework.errors import report_in_one_line
from tasks.framework.sandbox import SandboxedTask
from tasks.framework.xrootd import fork

# before numpy is imported: every process has its cores for branches, not for threads of BLAS
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
report_in_one_line()
fork.protect()


RECORD = "provenance"
"""Key of the output that says how the others were made; it is the last to appear."""

printing_status: ContextVar[bool] = ContextVar("printing_status", default=False)
"""Whether outputs are asked for a status tree, where those of many shifts are one line."""


def is_record(key: str) -> bool:
    """Whether an output is a record, by its key."""
    return key.partition("@")[0] == RECORD


def variant_of(key: str) -> str:
    """The variant that an output belongs to; empty for the plain ones, see `VariedTask`."""
    return key.partition("@")[2]


class AnalysisTask(SandboxedTask):
    """A task whose outputs lie in a store, below a path that says what is in them.

    A subclass gives :meth:`store_parts` and names its outputs with :meth:`targets`. Its ``run`` is
    recorded: the record is the last output to appear, so a task that has it is complete.
    """

    version = luigi.Parameter(
        default="v1", description="part of every output path; change it to redo all; default: v1"
    )
    store = luigi.Parameter(
        default=law.NO_STR,
        significant=False,
        description="where outputs lie: a [store_<name>] of law.cfg; default: [analysis] "
        "store_<Task> or store of law.cfg",
    )

    exclude_index = True
    exclude_params_repr = {"effective_workflow", "version"}  # noqa: RUF012 - law's convention

    making: tuple[str, ...] = ("",)
    """Variants of the outputs that a run makes; just the plain ones unless it is a `VariedTask`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if callable(cls.__dict__.get("run")):
            cls.run = _recorded(cls.__dict__["run"])

    def store_parts(self) -> tuple[str, ...]:
        """Path below the store's base, outermost first; the version follows by itself."""
        return (self.get_task_family(),)

    @property
    def store_name(self) -> str:
        """The store in force: the parameter, else the task's own setting, else the common one."""
        if self.store != law.NO_STR:
            return str(self.store)
        common = law.config.get_expanded("analysis", "store", default="local")
        own = f"store_{self.get_task_family()}"
        return str(law.config.get_expanded("analysis", own, default=common))

    @property
    def directory(self) -> Any:
        """The directory target that holds this task's outputs."""
        return storage.directory(self.store_name, *self.store_parts(), self.version)

    def complete(self) -> bool:
        """Whether all outputs are there; for a whole task, by one listing of its directory.

        The directory of a branch holds those of all others.
        """
        if getattr(self, "branch", -1) >= 0:
            return bool(super().complete())
        with remote.listings():
            return bool(super().complete())

    def _print_status(self, args: Any) -> Any:
        token = printing_status.set(True)
        try:
            with remote.listings():
                return super()._print_status(args)
        finally:
            printing_status.reset(token)

    def _fetch_output(self, args: Any) -> Any:
        # law takes an output that cannot be asked for one that is not there, and skips it
        storage.directory(self.store_name).exists()
        return super()._fetch_output(args)

    def target(self, name: str) -> Any:
        """The file target ``name`` in this task's directory."""
        return self.directory.child(name, type="f")

    def targets(self, **names: str) -> dict[str, Any]:
        """File targets by key, with the record of how they were made beside them."""
        directory = self.directory
        targets = {key: directory.child(name, type="f") for key, name in names.items()}
        stem = os.path.splitext(next(iter(names.values())))[0]
        return targets | {RECORD: directory.child(f"{stem}{provenance.RECORD_SUFFIX}", type="f")}

    def incomplete(self) -> tuple[str, ...]:
        """Variants of the outputs that are not there, so that a run makes them."""
        return ("",)

    def _print_output(self, args: Sequence[Any]) -> Any:
        """Print the outputs; with a third value also each of a workflow with many branches."""
        with contextlib.nullcontext() if args[2:] else outputs.summarised():
            return super()._print_output(args[:2])

    @contextlib.contextmanager
    def localize_output(self, mode: str = "w", **kwargs: Any) -> Iterator[dict[str, Any]]:
        """Local places to write all outputs to; they appear together when the block succeeds."""
        results = {
            key: target
            for key, target in self.output().items()
            if variant_of(key) in self.making and not is_record(key)
        }
        with law.localize_file_targets(results, mode, **kwargs) as localized:
            yield localized


def _recorded(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(run)
    def recorded(self: AnalysisTask) -> Any:
        stopwatch = provenance.Stopwatch()
        self.making = self.incomplete()
        if not self.making:  # another process was faster
            return None
        steps = run(self)
        if isinstance(steps, Generator):
            return finish_later(self, steps, stopwatch)
        write_records(self, stopwatch)
        return None

    def finish_later(self: AnalysisTask, steps: Any, stopwatch: provenance.Stopwatch) -> Any:
        yield from steps  # dynamic requirements
        write_records(self, stopwatch)

    def write_records(self: AnalysisTask, stopwatch: provenance.Stopwatch) -> None:
        for variant in self.making:
            made = {k: t for k, t in self.output().items() if variant_of(k) == variant}
            records = [made.pop(key) for key in list(made) if is_record(key)]
            content = provenance.record(self, stopwatch, made.values())
            for record in records:
                record.dump(content, formatter="json", indent=2)

    return recorded
