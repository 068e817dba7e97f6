"""Tasks in virtual environments and after scripts, as `law run` would have them."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tasks.framework.errors import UserError
from tests.services.docker.conftest import site  # noqa: F401  (a fixture)

pytestmark = pytest.mark.slow


@pytest.fixture
def script(site):  # noqa: F811
    """A script that sets a variable, as sites have them."""
    path = site.path / "my set-up.sh"
    path.write_text(f"export FROM_SCRIPT=yes PATH={Path(sys.executable).parent}:$PATH\n")
    return path


def test_tasks_run_in_either(site, script):  # noqa: F811
    for sandbox, name, value in (
        (f"venv::{sys.prefix}", "VIRTUAL_ENV", sys.prefix),
        (f"bash::{script}", "FROM_SCRIPT", "yes"),
    ):
        version = name.lower()
        code, output = site.run(
            "sandboxed_tasks.Probe", f"--sandbox={sandbox}", f"--version={version}"
        )
        assert code == 0, output
        found = site.output("Probe", version, "found.json")["environ"]
        assert (found[name], found["LAW_SANDBOX"]) == (value, sandbox)


@pytest.mark.parametrize("sandbox", ["venv::/nowhere", "bash::/nowhere.sh"])
def test_what_is_not_there_is_named(run, copy, sandbox):
    with pytest.raises(UserError, match=f"sandbox {sandbox}: there is no file '/nowhere"):
        run(copy(sandbox))


def test_a_script_that_fails_is_named(run, copy, tmp_path):
    (tmp_path / "failing.sh").write_text("false\n")
    with pytest.raises(UserError, match=r"failing.sh' or its python failed"):
        run(copy(f"bash::{tmp_path}/failing.sh"))


def test_an_environment_without_law_is_told(run, copy, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "bare.sh").write_text(f"export PATH={tmp_path}/bin\n")
    with pytest.raises(UserError, match="there is no law in it"):
        run(copy(f"bash::{tmp_path}/bare.sh"))


def test_a_failure_inside_keeps_its_own_message(site, script):  # noqa: F811
    code, output = site.run("sandboxed_tasks.Probe", f"--sandbox=bash::{script}", "--exit=3")
    assert code != 0
    assert "Traceback" not in output
    (line,) = {line for line in output.splitlines() if "sandbox " in line}
    assert "failed inside with exit code 3" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_task(site, script, number):  # noqa: F811
    marker = site.path / "pid"
    script.write_text(script.read_text() + f"echo $$ > '{marker}'\n")
    process = site.start(
        "sandboxed_tasks.Probe", f"--sandbox=bash::{script}", "--sleep=300", start_new_session=True
    )
    while "sleeping" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=30)
    inside = int(marker.read_text())
    deadline = time.monotonic() + 30
    while os.path.exists(f"/proc/{inside}/cmdline") and Path(f"/proc/{inside}/cmdline").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not list(site.results.rglob("*.json"))
