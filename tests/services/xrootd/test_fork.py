"""Forking after XRootD was used, as luigi does with several workers."""

import subprocess
import sys

import pytest

ROUNDS = 30
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
print("done")
"""
BARE = """
from XRootD import client
from XRootD.client.flags import OpenFlags
def work(name):
    file = client.File()
    assert file.open("{url}/" + name, OpenFlags.DELETE)[0].ok
    assert file.write(b"x" * 1000, 0)[0].ok
    assert file.close()[0].ok
"""
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


def run(use: str, url: str, rounds: int, seconds: float) -> subprocess.CompletedProcess:
    script = FORKING.format(use=use.format(url=url), rounds=rounds)
    return subprocess.run(
        [sys.executable, "-c", script],
        timeout=seconds,
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_bindings_alone_never_return_from_a_fork(server):
    """What `fork.py` is there for: should this pass one day, it can go."""
    with pytest.raises(subprocess.TimeoutExpired):
        run(BARE, server.url, 200, 15)


@pytest.mark.parametrize("use", [TARGETS, THREADS])
def test_parent_and_children_write_and_read_in_turn(server, use):
    done = run(use, server.url, ROUNDS if use == TARGETS else 5, 120)
    assert done.stdout.strip() == "done", done.stdout + done.stderr


def test_uproot_reads_in_place_in_parent_and_children(server):
    numpy, uproot = pytest.importorskip("numpy"), pytest.importorskip("uproot")
    with uproot.recreate(server.files / "x.root") as file:
        file["t"] = {"b": numpy.arange(100000)}
    done = run(UPROOT, server.url, ROUNDS, 120)
    assert done.stdout.strip() == "done", done.stdout + done.stderr
