"""First process in a container: runs the command and ends with whoever started the container.

Standard input is the lifeline. The process outside holds its other end; however that process ends,
by a signal it cannot catch too, the kernel closes it, and the command here is ended. Only the
standard library, any Python 3: this file runs in images that are not ours.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

CODE_PATH = "VHBB_CODE_PATH"  # folders to put before the image's own PYTHONPATH
DIRECTORY = "VHBB_DIRECTORY"  # to run in, where it exists: relative paths mean the same
NO_SUCH_COMMAND = 97
GRACE = 5.0  # seconds for the command to remove its temporary files


def main(command: list[str]) -> int:
    """Run a command until it, the lifeline or a signal ends it; its exit code, shell-like."""
    path = [os.environ.get(name) for name in (CODE_PATH, "PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    with contextlib.suppress(OSError):  # when nothing of the caller's folder is mounted
        os.chdir(os.environ.get(DIRECTORY, "."))
    asked_to_end = threading.Event()
    # Before the start: signals that are caught here have their default in the command, even where
    # the container was started with them ignored, as shells do in the background.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: asked_to_end.set())
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except FileNotFoundError:
        return NO_SUCH_COMMAND

    def watch_lifeline() -> None:
        while os.read(0, 4096):
            pass
        asked_to_end.set()

    def end_when_asked() -> None:
        asked_to_end.wait()
        _end(child)

    for work in (watch_lifeline, end_when_asked):
        threading.Thread(target=work, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _end(child: "subprocess.Popen[bytes]") -> None:
    """An interrupt, so that `finally` blocks run; then the hard way."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
