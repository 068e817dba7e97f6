"""Forking after XRootD was used, as luigi does with several workers."""

import os
import select
import subprocess
import sys

import pytest

FORKING = """
import os, signal, sys, threading
{use}
def children(n):
    pids = []
    for _ in range(n):
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            try:
                work("child%d" % len(pids))
            except BaseException as error:
                print(error, flush=True)
                os._exit(1)
            os._exit(0)
        pids.append(pid)
    return [os.waitpid(pid, 0)[1] for pid in pids]
work("parent")
for _ in range({rounds}):
    assert children(2) == [0, 0]
    work("parent")
    print(".", end="", flush=True)
print("done")
"""
CLOSING = """
from tasks.framework.xrootd import fork
from tasks.framework.xrootd.client import Server
server = Server("{url}".removesuffix("//store"), 30)
def work(name):
    with server.writing("/store/" + name, 0o644) as file:
        file.write(b"x" * 1000, 0)
"""
UNPROTECTED = (
    CLOSING
    + """
fork.hold = fork._settle = lambda *_: None
"""
)
TARGETS = """
from tasks.framework.xrootd import XRootDFileTarget, file_system
fs = file_system("{url}")
def work(name):
    target = XRootDFileTarget("/" + name, fs)
    target.dump("x" * 1000, formatter="text")
    assert target.load(formatter="text") == "x" * 1000
    assert name in target.parent.listdir()
"""
UPROOT = """
import uproot
from tasks.framework.xrootd import fork
fork.protect()
def work(name):
    with uproot.open("{url}/x.root", handler=uproot.source.xrootd.XRootDSource) as file:
        assert len(file["t"].arrays(library="np")["b"]) == 100000
"""
THREADS = """
from multiprocessing.pool import ThreadPool
from tasks.framework.xrootd import XRootDFileTarget, file_system
fs = file_system("{url}")
def one(name):
    target = XRootDFileTarget("/" + name, fs)
    target.dump(name, formatter="text")
    assert target.load(formatter="text") == name
def work(name):
    with ThreadPool(8) as pool:
        pool.map(one, ["%s-%d" % (name, i) for i in range(24)])
"""


def run(use: str, url: str, rounds: int, patience: float = 60) -> str | None:
    """What a process prints that uses a store and forks in turn; None when it hangs.

    It hangs when nothing happens for ``patience`` seconds; a round takes a fraction of one.
    """
    script = FORKING.format(use=use.format(url=url), rounds=rounds)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    printed = b""
    try:
        while select.select([process.stdout], [], [], patience)[0]:
            if not (data := os.read(process.stdout.fileno(), 4096)):
                return printed.decode().lstrip(".").strip()
            printed += data
    finally:
        process.kill()
        process.communicate()
    return None


def test_without_what_keeps_it_from_happening_a_fork_never_returns(server):
    """Should this fail one day, because the client has been mended, `fork.py` can go."""
    assert run(UNPROTECTED, server.url, 200, patience=10) is None


@pytest.mark.parametrize(("use", "rounds"), [(CLOSING, 50), (TARGETS, 15), (THREADS, 3)])
def test_parent_and_children_write_and_read_in_turn(server, use, rounds):
    assert run(use, server.url, rounds) == "done"


def test_uproot_reads_in_place_in_parent_and_children(server):
    numpy, uproot = pytest.importorskip("numpy"), pytest.importorskip("uproot")
    with uproot.recreate(server.files / "x.root") as file:
        file["t"] = {"b": numpy.arange(100000)}
    assert run(UPROOT, server.url, 15) == "done"
