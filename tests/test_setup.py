"""setup.sh in a copy of the repository whose only requirement is a wheel made here."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import pytest

COMPILED = ("analysis/compiled.c", "analysis/compilation.py")
SHELLS = [shell for shell in ("bash", "zsh") if shutil.which(shell)]


def make_wheel(folder):
    """A package `law` of one command, which writes the index as the real one does."""
    name = "law-0.0.1-py3-none-any.whl"
    info = "law-0.0.1.dist-info"
    code = (
        "import os, sys\n"
        "def main():\n"
        "    if sys.argv[1] == 'index':\n"
        "        open(os.environ['LAW_HOME'] + '/index', 'w').write('tasks.fit:Fit:\\n')\n"
    )
    files = {
        "law.py": code,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: law\nVersion: 0.0.1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nlaw = law:main\n",
    }
    record = [
        f"{path},sha256="
        + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        + f",{len(text)}"
        for path, text in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return f"law @ {(folder / name).as_uri()} --hash=sha256:{digest}\n"


@pytest.fixture
def clone(tmp_path, root):
    """A repository in a folder with a space in its name."""
    clone = tmp_path / "my analysis"
    (clone / "tasks").mkdir(parents=True)
    (clone / "tasks" / "fit.py").touch()
    (clone / "analysis").mkdir()
    for name in ("setup.sh", "law.cfg", *COMPILED):
        shutil.copy(root / name, clone / name)
    (clone / "requirements.txt").write_text(make_wheel(clone))
    return clone


def source(clone, then="true", shell="bash", path=None, **variables):
    keep = ("HOME", "LANG", "TMPDIR")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    environment["PATH"] = path or os.environ["PATH"]
    environment["VHBB_PYTHON"] = sys.executable
    environment |= variables
    command = f"cd '{clone.parent}'; source '{clone}/setup.sh' && {then}"
    flags = ["-f"] if shell == "zsh" else ["--norc"]
    return subprocess.run(
        [shell, *flags, "-c", command],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=clone,
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.slow
def test_it_makes_the_environment_once_and_then_takes_no_time(clone, shell):
    first = source(clone, "command -v law", shell)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == str(clone / ".venv" / "bin" / "law")
    assert "once, about a minute" in first.stderr
    start = time.perf_counter()
    again = source(clone, "echo $LAW_CONFIG_FILE $PYTHONPATH", shell)
    assert time.perf_counter() - start < 1
    assert again.stdout.split("\n")[0] == f"{clone}/law.cfg {clone}"
    assert again.stderr == ""


@pytest.mark.slow
def test_changed_requirements_renew_the_environment_and_new_tasks_the_index(clone):
    assert source(clone).returncode == 0
    index = clone / ".law" / "index"
    before = index.stat().st_mtime_ns
    assert source(clone).stderr == ""
    assert index.stat().st_mtime_ns == before
    time.sleep(0.02)
    (clone / "tasks" / "new.py").touch()
    assert source(clone).returncode == 0
    assert index.stat().st_mtime_ns > before
    with (clone / "requirements.txt").open("a") as requirements:
        requirements.write("# one more\n")
    assert "making the environment" in source(clone).stderr


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_code_is_compiled_once_for_each_state_of_its_source(clone):
    built = clone / ".venv" / "lib" / "vhbb"
    assert source(clone).returncode == 0
    (first,) = built.iterdir()
    before = first.stat().st_mtime_ns
    assert source(clone).stderr == ""
    assert first.stat().st_mtime_ns == before
    with (clone / COMPILED[0]).open("a") as code:
        code.write("/* one more */\n")
    assert source(clone).stderr == ""
    assert len(list(built.iterdir())) == 2


@pytest.mark.slow
def test_without_a_compiler_it_says_so_once_and_works(clone):
    first = source(clone, "command -v law", CC="no-such-compiler")
    assert first.returncode == 0
    assert first.stdout.strip().endswith("/bin/law")
    (line,) = (line for line in first.stderr.splitlines() if "C compiler" in line)
    assert line.startswith("setup: no working C compiler, so numpy alone reads")
    assert "no-such-compiler" in (clone / ".law" / "compilation.log").read_text()
    assert source(clone, CC="no-such-compiler").stderr == ""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_an_interrupted_compilation_is_repeated(clone, tmp_path):
    compiler = tmp_path / "interrupted"
    compiler.write_text("#!/bin/sh\nread -r _ _ _ shell _ </proc/$PPID/stat\nkill -9 $shell\n")
    compiler.chmod(0o755)
    assert source(clone, CC=str(compiler)).returncode == -signal.SIGKILL
    built = clone / ".venv" / "lib" / "vhbb"
    deadline = time.monotonic() + 30
    while list(built.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)  # what builds outlives the shell for a moment
    assert list(built.iterdir()) == []
    assert source(clone).stderr == ""
    assert len(list(built.iterdir())) == 1


@pytest.mark.slow
def test_a_killed_set_up_repairs_itself(clone):
    """Killed with all its children while the environment is being made."""
    run = subprocess.Popen(
        ["bash", "--norc", "-c", f"source '{clone}/setup.sh'"],
        env=os.environ | {"VHBB_PYTHON": sys.executable, "VHBB_VENV": str(clone / ".venv")},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (clone / ".venv" / "bin").exists():
        assert run.poll() is None
        time.sleep(0.001)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (clone / ".venv" / "complete").exists()
    assert source(clone, "law index").returncode == 0


@pytest.mark.parametrize("other", ["notes.txt", "pyvenv.cfg"])
def test_a_folder_with_other_files_is_not_made_an_environment(clone, other):
    """Making one empties its folder: a home, or another project's environment, would be gone."""
    place = clone.parent / "mine"
    place.mkdir()
    (place / other).write_text("home = /usr/bin\n")
    line = only_line(source(clone, VHBB_VENV="mine"))
    assert f"{place} holds other files" in line
    assert [path.name for path in place.iterdir()] == [other]


def only_line_of(text):
    lines = [line for line in text.splitlines() if "making the environment" not in line]
    assert len(lines) == 1, text
    return lines[0]


def only_line(process):
    assert process.returncode != 0
    return only_line_of(process.stderr)


def tools_without_python(folder, *extra):
    tools = folder / "tools"
    tools.mkdir()
    names = "awk cat cksum dirname df find flock grep head ls mkdir printf pwd rm touch"
    for name in names.split():
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    for name, text in extra:
        (tools / name).unlink(missing_ok=True)
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    return str(tools)


def test_no_python_is_one_line(clone, tmp_path):
    path = tools_without_python(tmp_path, ("python3", "exit 1"))
    line = only_line(source(clone, path=path, VHBB_PYTHON="", shell=shutil.which("bash")))
    assert "no Python 3.11, 3.12 or 3.13 found" in line


def test_no_disk_space_is_one_line(clone, tmp_path):
    full = "echo Filesystem blocks Used Available; echo /dev/x 100 99 1 99% /"
    path = tools_without_python(tmp_path, ("df", full)) + ":" + os.environ["PATH"]
    assert "no disk space" in only_line(source(clone, path=path))


@pytest.mark.slow
def test_no_network_is_one_line(clone):
    (clone / "requirements.txt").write_text("uproot==5.0.0 --hash=sha256:" + 64 * "0" + "\n")
    line = only_line(
        source(
            clone,
            PIP_INDEX_URL="http://127.0.0.1:9/simple",
            PIP_CONFIG_FILE=os.devnull,
            PIP_RETRIES="0",
            PIP_NO_CACHE_DIR="1",
        )
    )
    assert "no network" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_place_that_cannot_be_written_is_one_line(clone):
    clone.chmod(0o500)
    try:
        assert "cannot write" in only_line(source(clone))
    finally:
        clone.chmod(0o700)


def test_it_returns_an_error_instead_of_ending_the_shell(clone):
    ended = source(clone, "true; echo status $?", VHBB_VENV="/proc/nowhere")
    assert "cannot write to /proc/nowhere" in only_line_of(ended.stderr)
    assert ended.stdout == "status 1\n"
