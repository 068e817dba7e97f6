"""Processes for branches: how many, and what becomes of those that die."""

import multiprocessing
import os
import signal
import time

import pytest

from tasks.framework.processes import Pool, Slots

fork = multiprocessing.get_context("fork")


def lost(piece, code):
    return piece, f"lost {code}"


def test_a_pool_does_every_piece_once():
    results = Pool(lambda piece: 2 * piece, lost, lambda: 3).run(range(50))
    assert sorted(results) == [2 * piece for piece in range(50)]


def test_a_pool_replaces_a_process_that_died():
    def work(piece):
        if piece == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if piece == 4:
            os._exit(7)
        return piece, "done"

    results = dict(Pool(work, lost, lambda: 2).run(range(10)))
    assert results.pop(3) == "lost -9"
    assert results.pop(4) == "lost 7"
    assert set(results.values()) == {"done"}
    assert len(results) == 8


def test_a_pool_keeps_to_a_limit_that_changes(tmp_path):
    limits = iter([1] * 30 + [3] * 1000)

    def work(piece):
        mark = tmp_path / str(piece)
        mark.touch()
        at_work = len(list(tmp_path.iterdir()))
        time.sleep(0.02)
        mark.unlink()
        return piece, at_work

    at_work = dict(Pool(work, lost, lambda: next(limits)).run(range(60)))
    assert max(at_work[piece] for piece in range(25)) == 1
    assert max(at_work.values()) in {2, 3}


@pytest.mark.parametrize(("told", "each"), [("8", "4"), ("1", "1"), ("many", "many")])
def test_processes_that_work_together_share_the_cores(monkeypatch, told, each):
    monkeypatch.setenv("VHBB_CORES", told)
    pool = Pool(lambda _: os.environ["VHBB_CORES"], lost, lambda: 2)
    assert set(pool.run(range(6))) == {each}
    assert os.environ["VHBB_CORES"] == told


def test_a_process_without_company_may_use_all_cores(monkeypatch):
    monkeypatch.delenv("VHBB_CORES", raising=False)
    pool = Pool(lambda _: os.environ["VHBB_CORES"], lost, lambda: 2)
    assert list(pool.run([0])) == [str(len(os.sched_getaffinity(0)))]


def test_an_abandoned_pool_ends_its_processes():
    results = Pool(lambda piece: (os.getpid(), time.sleep(0.01 * piece)), lost, lambda: 2).run(
        range(1000)
    )
    pids = {next(results)[0] for _ in range(4)}
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 4
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def run_as_workflow(slots, ready, answer, go):
    with slots.taken(), slots.as_workflow():
        ready.wait()
        answer.put(slots.share())
        go.wait()


@pytest.mark.parametrize(
    ("total", "plain", "workflows", "shares"),
    [(4, 0, 1, [4]), (4, 1, 1, [3]), (4, 0, 2, [2, 2]), (5, 0, 2, [2, 3]), (2, 0, 2, [1, 1])],
)
def test_workflows_share_what_plain_tasks_leave(total, plain, workflows, shares):
    slots, answer, go = Slots(total), fork.Queue(), fork.Event()
    ready = fork.Barrier(workflows)
    running = [
        fork.Process(target=run_as_workflow, args=(slots, ready, answer, go))
        for _ in range(workflows)
    ]

    def with_plain():
        for process in running:
            process.start()
        found = sorted(answer.get(timeout=20) for _ in running)
        go.set()
        for process in running:
            process.join()
        return found

    if plain:
        with slots.taken():
            assert with_plain() == shares
    else:
        assert with_plain() == shares


def test_a_dead_process_gives_its_slot_back():
    slots = Slots(2)
    dead = fork.Process(target=lambda: slots._move(None, slots._plain))
    dead.start()
    dead.join()
    with slots.taken(), slots.as_workflow():
        assert slots.share() == 2


def test_one_worker_needs_no_slots():
    slots = Slots(1)
    with slots.taken(), slots.as_workflow():
        assert slots.share() == 1
