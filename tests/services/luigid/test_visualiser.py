"""The central scheduler and its page, in a real browser."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, seconds):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.2)
    return found


@pytest.fixture
def environment(tmp_path, root):
    (tmp_path / "law").mkdir()
    (tmp_path / "files").mkdir()
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{root}{os.pathsep}{HERE}",
        "LAW_HOME": str(tmp_path / "law"),
        "LAW_CONFIG_FILE": str(root / "law.cfg"),
        "VHBB_HOME": str(root),
        "VHBB_RESULTS": str(tmp_path / "results"),
        "MANY_BRANCHES": str(tmp_path / "files"),
    }


@pytest.fixture
def scheduler(tmp_path, environment):
    """A luigid and its address."""
    port = free_port()
    command = ["luigid", "--address", "127.0.0.1", "--port", str(port)]
    command += ["--state-path", str(tmp_path / "state")]
    with (tmp_path / "log").open("w") as log:
        daemon = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(url), seconds=30)
        yield url
    finally:
        daemon.terminate()
        daemon.wait()


def answers(url):
    try:
        return ask(url, "task_list", {}) is not None
    except OSError:
        return False


def ask(url, method, data):
    query = urllib.parse.quote(json.dumps(data))
    with urllib.request.urlopen(f"{url}/api/{method}?data={query}", timeout=30) as answer:  # noqa: S310
        return json.load(answer)["response"]


def page(url):
    """The text of the page as a browser shows it after its scripts have run."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--virtual-time-budget=20000", "--dump-dom", f"{url}/static/visualiser/index.html",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )  # fmt: skip
    text = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_shows_workflows_of_10000_branches(scheduler, environment, tmp_path):
    def command(task):
        to_scheduler = ["--local-scheduler", "False", "--scheduler-port", scheduler.split(":")[-1]]
        return ["law", "run", f"many_branches.{task}", *to_scheduler]

    def run(task):
        return subprocess.run(command(task), env=environment, check=False, capture_output=True)

    assert run("Done").returncode == 0
    assert run("Failing").returncode != 0
    assert len(list((tmp_path / "files").glob("Failing_*"))) == 5_000
    running = subprocess.Popen(
        command("Running"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:

        def progress():
            running = ask(scheduler, "task_list", {"status": "RUNNING"})
            shown = [task["progress_percentage"] for task in running.values()]
            return shown if shown and shown[0] else None

        assert 0 < eventually(progress, seconds=60)[0] <= 3
        text = page(scheduler)
    finally:
        running.terminate()
        running.wait()
    for state in ("Running", "Done", "Failed"):
        assert f"{state} Tasks 1 " in text, text
    assert "DONE Done" in text
    assert "FAILED Failing" in text
    assert "RUNNING Running" in text
    (failed,) = ask(scheduler, "task_list", {"status": "FAILED"})
    error = ask(scheduler, "fetch_error", {"task_id": failed})["error"]
    assert "5000 of 10000 branches failed" in error
    assert len(error) < 5000
