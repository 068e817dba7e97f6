"""The first process of a container, run here without one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.framework.sandbox import inside

SLEEPER = (
    "import sys, time, pathlib\n"
    "pathlib.Path(sys.argv[1]).write_text('started')\n"
    "try: time.sleep(60)\n"
    "finally: pathlib.Path(sys.argv[1]).unlink()\n"
)


def start(*command):
    return subprocess.Popen(
        [sys.executable, inside.__file__, *map(str, command)], stdin=subprocess.PIPE
    )


def finish(process):
    process.stdin.close()
    return process.wait(10)


@pytest.mark.parametrize("code", [0, 1, 40])
def test_the_exit_code_is_the_commands(code):
    process = start(sys.executable, "-c", f"raise SystemExit({code})")
    assert process.wait(10) == code
    finish(process)


def test_a_command_killed_by_a_signal_ends_as_in_a_shell():
    process = start("sh", "-c", "kill -9 $$")
    assert process.wait(10) == 128 + 9
    finish(process)


def test_a_command_that_is_not_there_has_its_own_code():
    process = start("nonesuch-command")
    assert process.wait(10) == inside.NO_SUCH_COMMAND
    finish(process)


@pytest.mark.parametrize("number", [None, signal.SIGTERM, signal.SIGINT])
def test_the_command_tidies_up_and_ends_with_the_lifeline_or_a_signal(tmp_path, number):
    marker = tmp_path / "marker"
    process = start(sys.executable, "-c", SLEEPER, marker)
    deadline = time.monotonic() + 10
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    if number is None:
        process.stdin.close()
    else:
        process.send_signal(number)
    assert process.wait(10) != 0
    assert not marker.exists()
    process.stdin.close()


def test_the_code_comes_before_the_images_own_path(tmp_path):
    script = "import os; print(os.environ['PYTHONPATH'])"
    process = subprocess.Popen(
        [sys.executable, inside.__file__, sys.executable, "-c", script],
        env={inside.CODE_PATH: "/code", "PYTHONPATH": "/image"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.read().strip() == "/code:/image"
    process.stdout.close()
    assert finish(process) == 0


def test_it_needs_nothing_but_the_standard_library():
    text = Path(inside.__file__).read_text()
    imported = {line.split()[1] for line in text.splitlines() if line.startswith("import ")}
    assert imported <= set(sys.stdlib_module_names)
    assert "\nfrom " not in text


def test_the_command_hears_an_interrupt_though_its_starter_ignores_them(tmp_path):
    marker = tmp_path / "marker"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(sys.executable, "-c", SLEEPER, marker)
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 10
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.stdin.close()
    assert process.wait(10) != 0
    assert not marker.exists()
