"""What the user got wrong is one line; what broke inside keeps its traceback."""

import logging
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType


class UserError(Exception):
    """A mistake in settings or parameters, told in one line with its remedy."""


_user_errors: tuple[type[BaseException], ...] = (UserError,)


def report_in_one_line(*errors: type[BaseException]) -> None:
    """Have ``errors`` (beside UserError) reported as a line instead of a traceback.

    Covers an error that ends the process and those that luigi logs for a failed task; the exit
    code stays non-zero.
    """
    global _user_errors  # noqa: PLW0603
    _user_errors = tuple(dict.fromkeys((*_user_errors, *errors)))
    if sys.excepthook is not _print_uncaught:
        sys.excepthook = _print_uncaught
    logger = logging.getLogger("luigi-interface")
    if not any(isinstance(present, _OneLine) for present in logger.filters):
        logger.addFilter(_OneLine())


def user_message(error: BaseException | None) -> str | None:
    """The line to show for ``error``, None when it is a defect rather than a user's mistake."""
    return str(error) if isinstance(error, _user_errors) else None


def _print_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    message = user_message(error)
    if isinstance(error, KeyboardInterrupt):
        print("interrupted; the same command goes on from here", file=sys.stderr)  # noqa: T201
    elif message is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"error: {message}", file=sys.stderr)  # noqa: T201


class _OneLine(logging.Filter):
    """Replace the traceback that luigi logs with a task's failure by the error's own line."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = user_message(record.exc_info[1]) if record.exc_info else None
        if message is None and "Traceback" in str(record.msg):
            message = _message_of_traceback(str(record.msg))
        if message is not None:
            record.msg, record.args = "%s", (message,)
            record.exc_info = record.exc_text = None
            # luigi only warns of a task whose requirements or outputs cannot be told
            record.levelno, record.levelname = logging.ERROR, "ERROR"
        return True


def _message_of_traceback(trace: str) -> str | None:
    """The message when a formatted traceback ends in a user error, None otherwise."""
    last = trace.rstrip().rsplit("\n", 1)[-1]
    for kind in _with_subclasses(_user_errors):
        prefix = f"{kind.__module__}.{kind.__qualname__}: "
        if last.startswith(prefix):
            return last.removeprefix(prefix)
    return None


def _with_subclasses(kinds: Iterable[type[BaseException]]) -> Iterator[type[BaseException]]:
    for kind in kinds:
        yield kind
        yield from _with_subclasses(kind.__subclasses__())
