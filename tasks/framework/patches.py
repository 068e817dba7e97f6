"""What must change inside law and luigi, from outside and only in the versions it was made for."""

import functools
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Hashable
from typing import Any

import law
import luigi
from law.workflow.base import BaseWorkflowProxy
from luigi.cmdline_parser import CmdlineParser
from luigi.task_register import Register
from luigi.worker import TaskProcess, Worker

from tasks.framework import processes

LAW_VERSION = "0.1.21"
LUIGI_SERIES = "3.8."


@functools.cache
def apply() -> bool:
    """Patch law and luigi, once; False where other versions than the known ones are installed.

    With other versions everything works as law and luigi do it: slower, and with one process for
    the branches of a local workflow.
    """
    if law.__version__ != LAW_VERSION or not luigi.__version__.startswith(LUIGI_SERIES):
        return False
    for owner, name, wrap in (
        (Worker, "__init__", _worker_init),
        (Worker, "_create_task_process", _worker_create),
        (Worker, "run", _worker_run),
        (TaskProcess, "run", _process_run),
        (BaseWorkflowProxy, "output", _proxy_output),
        (CmdlineParser, "_build_parser", _build_once),
    ):
        setattr(owner, name, wrap(getattr(owner, name)))
    if os.path.basename(sys.argv[0]) == "law":
        gc.freeze()  # what law and luigi are made of stays: looking through it takes 0.1 s
    return True


class History(list[Hashable]):
    """A list that knows at once whether it holds something.

    law looks through luigi's history of added tasks for every task that is added.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: set[Hashable] = set()

    def append(self, item: Hashable) -> None:
        super().append(item)
        self._known.add(item)

    def __contains__(self, item: object) -> bool:
        return item in self._known


def _worker_init(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._add_task_history = History()
        self._slots = processes.Slots(self.worker_processes)

    return init


def _worker_create(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create(self: Any, task: Any) -> Any:
        process = original(self, task)
        process.slots = task.process_slots = self._slots
        return process

    return create


def _worker_run(original: Callable[..., bool]) -> Callable[..., bool]:
    """Have a kill of the main process end what it started, as Ctrl-C does."""

    @functools.wraps(original)
    def run(self: Any) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return original(self)
        before = signal.getsignal(signal.SIGTERM)
        if before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, processes.interrupt)
        try:
            return original(self)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run


def _process_run(original: Callable[..., None]) -> Callable[..., None]:
    """A task in a process of its own takes a slot and does not outlive the main process."""

    @functools.wraps(original)
    def run(self: Any) -> None:
        if not self.use_multiprocessing:
            original(self)
            return
        with processes.child_of_main(), self.slots.taken():
            original(self)

    return run


def _proxy_output(original: Callable[..., Any]) -> Callable[..., Any]:
    """The outputs of our workflows without their branch tasks, whatever runs them."""

    @functools.wraps(original)
    def output(self: Any) -> Any:
        # outputs that depend on a condition are bound to the task, so that views have none
        conditional = getattr(type(self.task), "_condition_attr", None)
        if conditional or not hasattr(self.task, "branch_outputs"):
            return original(self)
        return law.util.DotDict(collection=self.task.branch_outputs())

    return output


def _build_once(original: Callable[..., Any]) -> Any:
    """The same parser while the tasks are the same.

    luigi builds it three times for each of the two times that it reads a command line: some
    thousand options of all tasks, a third of what a status takes.
    """
    kept: dict[Hashable, Any] = {}

    @functools.wraps(original)
    def build(root_task: str | None = None, help_all: bool = False) -> Any:
        key = root_task, help_all, tuple(Register._reg)  # noqa: SLF001
        if key not in kept:
            kept[key] = original(root_task=root_task, help_all=help_all)
        return kept[key]

    return staticmethod(build)
