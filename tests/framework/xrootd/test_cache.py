"""The local cache: one copy for all processes, within its limit, whatever is killed."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tasks.framework.xrootd.cache import Cache, Version

SIZE = 10_000


def version(name: str, mtime: int = 0, size: int = SIZE) -> Version:
    return Version(f"root://h//{name}", size, mtime, "1", "00000001")


def content(of: Version) -> bytes:
    return repr(of).encode().ljust(of.size, b".")[: of.size]


class Origin:
    """Where files are fetched from."""

    def __init__(self):
        self.fetched = []

    def of(self, wanted: Version):
        def fetch(path: Path) -> None:
            self.fetched.append(wanted)
            path.write_bytes(content(wanted))

        return fetch


@pytest.fixture
def origin() -> Origin:
    return Origin()


def read(cache: Cache, wanted: Version, fetch) -> bytes:
    with cache.entry(wanted, fetch) as path:
        return path.read_bytes()


def test_a_version_is_fetched_once_and_another_one_again(tmp_path, origin):
    cache = Cache(tmp_path)
    for wanted in (version("a"), version("a"), version("a", mtime=1), version("a")):
        assert read(cache, wanted, origin.of(wanted)) == content(wanted)
    assert origin.fetched == [version("a"), version("a", mtime=1)]


def test_what_was_used_least_recently_goes_first(tmp_path, origin):
    cache = Cache(tmp_path, max_size=3 * SIZE)
    for name in ("a", "b", "c", "a", "d"):
        read(cache, version(name), origin.of(version(name)))
    assert {name for name in "abcd" if cache.path(version(name)).exists()} == {"a", "c", "d"}


def test_what_is_in_use_stays(tmp_path, origin):
    cache = Cache(tmp_path, max_size=2 * SIZE)
    with cache.entry(version("a"), origin.of(version("a"))) as path:
        for name in ("b", "c", "d"):
            read(cache, version(name), origin.of(version(name)))
        assert path.read_bytes() == content(version("a"))
    assert len(list((tmp_path / "entries").iterdir())) == 2


def test_a_file_larger_than_the_cache_does_not_fit(tmp_path):
    assert not Cache(tmp_path, max_size=SIZE).fits(SIZE + 1)
    assert Cache(tmp_path).fits(1 << 60)


def test_a_failed_fetch_leaves_nothing_and_can_be_tried_again(tmp_path, origin):
    cache = Cache(tmp_path, max_size=2 * SIZE)

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise FileNotFoundError(path)

    with pytest.raises(FileNotFoundError):
        read(cache, version("a"), fail)
    assert not list((tmp_path / "entries").iterdir())
    assert not list((tmp_path / "fetching").iterdir())
    assert read(cache, version("a"), origin.of(version("a"))) == content(version("a"))


@pytest.mark.parametrize("max_size", [None, 2 * SIZE])
@pytest.mark.parametrize("left", [(), ("half",), ("lock",), ("lock", "half")])
def test_what_a_killed_process_left_goes_with_the_next_fetch(tmp_path, origin, max_size, left):
    """Killed before it made its lock, while it removed its folder, before and while it fetched."""
    cache = Cache(tmp_path, max_size)
    folder = tmp_path / "fetching" / cache.path(version("a")).name
    folder.mkdir()
    for name in left:
        (folder / name).write_bytes(b"half")
    assert read(cache, version("b"), origin.of(version("b"))) == content(version("b"))
    assert not list((tmp_path / "fetching").iterdir())


def test_a_fetch_whose_folder_was_tidied_away_starts_again(tmp_path, origin, monkeypatch):
    """A process that tidies sees no lock between the making of a folder and that of its lock."""
    make, tidied = Path.mkdir, []

    def tidied_at_once(path: Path, *args, **kwargs) -> None:
        make(path, *args, **kwargs)
        if path.parent.name == "fetching" and not tidied:
            tidied.append(path)
            assert cache._in_flight() == 0
            assert not path.exists()

    cache = Cache(tmp_path)
    monkeypatch.setattr(Path, "mkdir", tidied_at_once)
    assert read(cache, version("a"), origin.of(version("a"))) == content(version("a"))
    assert tidied


def test_copies_are_not_to_be_written_to(tmp_path, origin):
    with Cache(tmp_path).entry(version("a"), origin.of(version("a"))) as path:
        assert path.stat().st_mode & 0o777 == 0o400


def _use(root: Path, seconds: float, seed: int) -> None:
    """Read random files as fast as possible, checking each."""
    cache, chance, end = Cache(root, 4 * SIZE), random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < end:
        wanted = version(f"f{chance.randrange(8)}", size=chance.randrange(1, SIZE))

        def fetch(path: Path, wanted: Version = wanted) -> None:
            with path.open("wb") as stream:
                for start in range(0, wanted.size, 2000):
                    stream.write(content(wanted)[start : start + 2000])
                    stream.flush()

        with cache.entry(wanted, fetch) as path:
            assert path.read_bytes() == content(wanted)


def test_processes_share_it_while_others_are_killed(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_use, args=(tmp_path, 4, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    end, seed = time.monotonic() + 3, 100
    while time.monotonic() < end:
        victim = context.Process(target=_use, args=(tmp_path, 10, seed))
        victim.start()
        time.sleep(0.3 + random.random() * 0.2)
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        seed += 1
    for worker in workers:
        worker.join(timeout=30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    _use(tmp_path, 0.2, 999)
    held = sum(path.stat().st_size for path in (tmp_path / "entries").iterdir())
    assert held <= 4 * SIZE
    assert not list((tmp_path / "fetching").iterdir())
