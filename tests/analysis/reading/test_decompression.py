"""Blocks of every algorithm that ROOT writes, as uproot makes them."""

import numpy as np
import numpy.typing as npt
import pytest
import uproot
import zstandard
from uproot.compression import LZ4, LZMA, ZLIB, ZSTD, Compression

from analysis.events import IntArray
from analysis.reading.columns import UnknownLayoutError
from analysis.reading.decompression import Unpacked, addresses, decompress, decompress_all

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


def test_a_zstd_frame_does_not_say_how_much_is_allocated() -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(10**8))
    sizes = b"".join(n.to_bytes(3, "little") for n in (len(frame), 1_000_000))
    packed = np.frombuffer(b"ZS\x01" + sizes + frame, np.uint8)
    with pytest.raises(UnknownLayoutError, match="not of 1000000 bytes"):
        decompress(memoryview(packed), 1_000_000)  # type: ignore[arg-type]
    with pytest.raises(zstandard.ZstdError):
        decompress_all(packed, np.array([0]), np.array([len(packed)]), np.array([1_000_000]))


def _laid_down(packed: list[bytes]) -> tuple[npt.NDArray[np.uint8], IntArray, IntArray]:
    """Objects with bytes of no meaning between them, and where each begins and ends."""
    ends = np.cumsum([len(each) + 3 for each in packed])
    data = np.frombuffer(b"".join(b"..." + each for each in packed), np.uint8)
    return data, ends - [len(each) for each in packed], ends


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_several_objects_are_unpacked_as_one_by_one(algorithm: Compression) -> None:
    contents = [CONTENT[:size] for size in (2000, 70_000, 3000)]
    packed = [uproot.compression.compress(content, algorithm) for content in contents]
    sizes = np.array([len(content) for content in contents])
    unpacked = decompress_all(*_laid_down(packed), sizes)
    assert [bytes(each) for each in unpacked] == contents


def test_objects_of_several_blocks_and_unpacked_ones_are_among_them() -> None:
    packed = [uproot.compression.compress(CONTENT[i::2], ZSTD(5)) for i in range(2)]
    objects = [packed[0], b"".join(packed), CONTENT[:50], packed[1]]
    contents = [CONTENT[::2], CONTENT[::2] + CONTENT[1::2], CONTENT[:50], CONTENT[1::2]]
    sizes = np.array([len(content) for content in contents])
    unpacked = decompress_all(*_laid_down(objects), sizes)
    assert [bytes(each) for each in unpacked] == contents


@pytest.mark.parametrize("contents", [[], [b""], [b"", b"abc"]], ids=str)
def test_nothing_to_unpack_is_no_error(contents: list[bytes]) -> None:
    sizes = np.array([len(content) for content in contents], np.int64)
    unpacked = decompress_all(*_laid_down(contents), sizes)
    assert [bytes(each) for each in unpacked] == contents


def test_one_damaged_object_among_several_is_an_error() -> None:
    packed = [uproot.compression.compress(CONTENT[:5000], ZSTD(5)) for _ in range(3)]
    broken = bytearray(packed[1])
    broken[9] ^= 0xFF  # of the magic number behind the header
    sizes = np.full(3, 5000)
    with pytest.raises(zstandard.ZstdError, match="item 1"):
        decompress_all(*_laid_down([packed[0], bytes(broken), packed[2]]), sizes)
    with pytest.raises(UnknownLayoutError, match="5000 bytes instead of 5001"):
        decompress_all(*_laid_down(packed), np.array([5000, 5001, 5000]))


def test_the_memory_of_all_kinds_of_objects_is_found() -> None:
    contents = [CONTENT[: 18_000 + i] for i in range(70)]
    packed = [uproot.compression.compress(content, ZSTD(5)) for content in contents]
    segments = decompress_all(*_laid_down(packed), np.array([len(each) for each in contents]))
    # zstandard divides what it makes among several buffers
    assert sum(part.offset == 0 for part in segments if not isinstance(part, bytes)) > 1
    kinds: list[Unpacked] = [b"abc", bytearray(b"de"), memoryview(b"xfgh")[1:]]
    for parts in (segments, segments[3:5], segments[60:], kinds):
        expected = [np.frombuffer(part, np.uint8).ctypes.data for part in parts]  # type: ignore[call-overload]
        assert addresses(parts).tolist() == expected
