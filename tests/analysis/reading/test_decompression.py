"""Blocks of every algorithm that ROOT writes, as uproot makes them."""

import numpy as np
import pytest
import uproot
from uproot.compression import LZ4, LZMA, ZLIB, ZSTD, Compression

from analysis.reading.columns import UnknownLayoutError
from analysis.reading.decompression import decompress

CONTENT = np.random.default_rng(1).integers(0, 7, 100_000).astype(np.uint8).tobytes()
ALGORITHMS = [ZSTD(5), LZ4(4), ZLIB(1), LZMA(7)]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize("size", [1000, 100_000])
def test_one_block_is_unpacked(algorithm: Compression, size: int) -> None:
    packed = uproot.compression.compress(CONTENT[:size], algorithm)
    assert len(packed) < size
    assert bytes(decompress(memoryview(packed), size)) == CONTENT[:size]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_several_blocks_are_joined(algorithm: Compression) -> None:
    packed = b"".join(uproot.compression.compress(CONTENT[i::3], algorithm) for i in range(3))
    expected = b"".join(CONTENT[i::3] for i in range(3))
    assert bytes(decompress(memoryview(packed), len(CONTENT))) == expected


def test_what_is_as_long_as_it_should_be_was_not_compressed() -> None:
    assert bytes(decompress(memoryview(b"ZSxyz"), 5)) == b"ZSxyz"


def test_unknown_algorithms_and_sizes_are_left_to_uproot() -> None:
    with pytest.raises(UnknownLayoutError, match="b'CS'"):
        decompress(memoryview(b"CS\x01" + bytes(20)), 100)
    packed = uproot.compression.compress(CONTENT, ZSTD(5))
    with pytest.raises(UnknownLayoutError, match="100000 bytes instead of 100001"):
        decompress(memoryview(packed), 100_001)
