"""Names of files that are being written."""

import os
import subprocess
import time

from tasks.framework.temporary import is_abandoned, is_temporary, temporary_name


def test_a_name_is_hidden_unique_beside_its_place_and_ends_like_it():
    first, second = temporary_name("/a/b/x.root"), temporary_name("/a/b/x.root")
    assert first != second
    assert os.path.dirname(first) == "/a/b"
    assert os.path.basename(first).startswith(".")
    assert first.endswith("x.root")
    assert is_temporary(os.path.basename(first))


def test_outputs_are_not_taken_for_temporary_files():
    for name in ("x.root", ".hidden", ".vhbb-notes", "x.vhbb-host~1~1-00000000~x"):
        assert not is_temporary(name)
        assert not is_abandoned(name)


def test_what_a_living_process_writes_is_not_abandoned():
    assert not is_abandoned(os.path.basename(temporary_name("x")))


def test_what_an_ended_process_of_this_host_wrote_is():
    ended = subprocess.Popen(["true"])
    ended.wait()
    name = os.path.basename(temporary_name("x"))
    assert is_abandoned(name.replace(f"~{os.getpid()}~", f"~{ended.pid}~"))


def test_other_hosts_have_a_day():
    for hours, abandoned in ((23, False), (25, True)):
        since = int(time.time() - hours * 3600)
        assert is_abandoned(f".vhbb-elsewhere~1~{since:x}-00000000~x") is abandoned
