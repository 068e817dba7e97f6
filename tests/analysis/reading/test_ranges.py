"""Byte ranges: the right bytes, in few reads."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reading import open_events
from analysis.reading.ranges import LocalFile, merged

from .conftest import WriteEvents, physlite_columns

CONTENT = np.random.default_rng(1).integers(0, 256, 5000).astype(np.uint8)

spans = st.lists(
    st.tuples(st.integers(0, 4999), st.integers(0, 500)).map(
        lambda s: (s[0], min(s[1], 5000 - s[0]))
    ),
    min_size=1,
    max_size=20,
)


@given(spans, st.integers(0, 1000))
def test_every_range_is_found_in_the_joined_bytes(ranges: list[tuple[int, int]], gap: int) -> None:
    starts, sizes = np.array(ranges).T
    first, last, positions = merged(starts, sizes, gap)
    joined = np.concatenate([CONTENT[a:b] for a, b in zip(first, last, strict=True)])
    for start, size, position in zip(starts, sizes, positions, strict=True):
        np.testing.assert_array_equal(joined[position : position + size], CONTENT[start:][:size])
    assert np.all(first[1:] > last[:-1] + gap)


def test_a_local_file_gives_ranges_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(CONTENT.tobytes())
    file = LocalFile(path)
    data, positions = file.read(np.array([4900, 3, 10]), np.array([100, 7, 1]))
    np.testing.assert_array_equal(data[positions[0] :][:100], CONTENT[4900:])
    np.testing.assert_array_equal(data[positions[1] :][:8], CONTENT[3:11])
    with pytest.raises(EOFError, match="ends before byte 5001"):
        file.read(np.array([4900]), np.array([101]))
    file.close()


def test_positions_beyond_4_gb_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    far = 5 * 2**30
    with path.open("wb") as sparse:
        sparse.seek(far)
        sparse.write(b"far away")
    file = LocalFile(path)
    data, positions = file.read(np.array([far, 0]), np.array([8, 2]))
    assert data[positions[0] :][:8].tobytes() == b"far away"
    assert data[positions[1] :][:2].tobytes() == b"\0\0"
    file.close()


class RangeHandler(SimpleHTTPRequestHandler):
    """A file server that knows ranges and counts requests."""

    requests: list[str]

    def do_GET(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        asked = self.headers.get("Range")
        self.requests.append(str(asked))
        start, stop = 0, len(content)
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last) + 1, len(content)) if last else len(content)
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start:stop])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    requests: list[str] = []
    handler = type("Handler", (RangeHandler,), {"requests": requests})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", requests
        http.shutdown()


@pytest.mark.parametrize("layout", ["ttree", "rntuple"])
def test_a_remote_file_is_read_with_few_requests_a_chunk(
    write_events: WriteEvents, server: tuple[str, list[str]], layout: str
) -> None:
    url, requests = server
    counts = (1, 2, 0, 3) * 500
    if layout == "ttree":
        path = write_events({"CollectionTree": physlite_columns(counts, ".")})
    else:
        path = write_events(ntuples={"EventData": physlite_columns(counts)})
    with open_events(str(path)) as file:
        (local,) = file.chunks()
    with open_events(f"{url}/{path.name}") as file:
        opened = len(requests)
        (remote,) = file.chunks()
    assert len(requests) - opened <= 4
    np.testing.assert_array_equal(remote.jets.pt, local.jets.pt)
    np.testing.assert_array_equal(remote.jets.m, local.jets.m)
    np.testing.assert_array_equal(remote.weights, local.weights)
