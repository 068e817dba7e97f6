"""ROOT's compressed blocks, by the fastest binding of each algorithm that comes as a wheel."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import cramjam
import deflate
import lzma_mt
import numpy as np
import numpy.typing as npt
import zstandard

from analysis.events import IntArray
from analysis.reading.columns import UnknownLayoutError

HEADER = 9
"""Bytes before each block: two letters, a version, compressed and uncompressed size, 3 each."""

PLACES = np.array([1, 1 << 8, 1 << 16])
"""What the bytes of such a size count."""

LZ4_CHECKSUM = 8
"""Bytes of the checksum between the header of an LZ4 block and its data."""

UNKNOWN = -1
"""Size of a zstd frame that does not tell it."""

Bytes: TypeAlias = bytes | bytearray | memoryview
Unpacked: TypeAlias = Bytes | zstandard.BufferSegment

_thread = threading.local()


def decompress(source: memoryview, size: int) -> Bytes:
    """Undo ROOT's compression of one object.

    All bindings release the GIL, so that threads decompress side by side.

    Args:
        source: the compressed object, without its key: one block after another, each of at most
            16 MB before compression. Shorter than `size` unless nothing was compressed.
        size: bytes of the object.

    Raises:
        UnknownLayoutError: not blocks of a known algorithm, or not of that size.
    """
    if len(source) == size:
        return source
    algorithm = _ALGORITHMS.get(bytes(source[:2]))
    if algorithm is None:
        raise UnknownLayoutError(f"compression algorithm {bytes(source[:2])!r}")
    packed, unpacked = _sizes(source)
    if unpacked == size and packed + HEADER == len(source):
        whole = algorithm(source[HEADER:], size)
    else:
        whole = b"".join(_blocks(source))
    if len(whole) != size:
        raise UnknownLayoutError(f"{len(whole)} bytes instead of {size}")
    return whole


def decompress_all(
    data: npt.NDArray[np.uint8], begins: IntArray, ends: IntArray, sizes: IntArray
) -> Sequence[Unpacked]:
    """`decompress` of several objects.

    Those of ROOT's usual zstd blocks in one call: a thread that gives up the GIL for every one of
    them waits for it as often, while others compute.

    Args:
        data: bytes with the objects.
        begins: where each begins, shape (n_objects,).
        ends: where each ends.
        sizes: bytes of each once unpacked.

    Raises:
        UnknownLayoutError: as `decompress`.
        zstandard.ZstdError: damaged bytes.
    """
    if _are_single_zstd_blocks(data, begins, ends, sizes):
        content = np.stack([begins + HEADER, ends - begins - HEADER], axis=1).astype(np.uint64)
        unpacked = zstandard.ZstdDecompressor().multi_decompress_to_buffer(
            zstandard.BufferWithSegments(memoryview(data), content.tobytes()),  # type: ignore[arg-type]
            decompressed_sizes=sizes.astype(np.uint64).tobytes(),
            threads=1,
        )
        return [unpacked[i] for i in range(len(unpacked))]
    view = memoryview(data)  # type: ignore[arg-type]
    return [
        decompress(view[begin:end], size)
        for begin, end, size in zip(begins.tolist(), ends.tolist(), sizes.tolist(), strict=True)
    ]


def views(parts: Sequence[Unpacked]) -> list[memoryview]:
    """The bytes of each of these objects, which can be cut without copying them."""
    return [memoryview(part) for part in parts]  # type: ignore[arg-type]


def addresses(parts: Sequence[Unpacked]) -> npt.NDArray[np.uintp]:
    """Where each object of one call of `decompress_all` begins in memory, as long as they live."""
    result = np.empty(len(parts), np.uintp)
    buffer = 0
    for i, part in enumerate(parts):
        # Segments of one buffer follow one another, and asking each for its own takes a while.
        offset = part.offset if isinstance(part, zstandard.BufferSegment) else 0
        if not offset or not i:
            content = np.frombuffer(part, np.uint8)  # type: ignore[arg-type]
            buffer = content.__array_interface__["data"][0] - offset
        result[i] = buffer + offset
    return result


def _are_single_zstd_blocks(
    data: npt.NDArray[np.uint8], begins: IntArray, ends: IntArray, sizes: IntArray
) -> bool:
    packed = ends - begins
    if not len(packed) or begins.min() < 0 or packed.min() <= HEADER or sizes.min() <= 0:
        return False
    if np.any(packed == sizes):
        return False
    head = data[begins[:, None] + np.arange(HEADER)]
    return bool(
        np.all(head[:, :2] == np.frombuffer(b"ZS", np.uint8))
        and np.array_equal(head[:, 3:6] @ PLACES, packed - HEADER)
        and np.array_equal(head[:, 6:9] @ PLACES, sizes)
    )


def _blocks(source: memoryview) -> list[Bytes]:
    blocks = []
    while len(source):
        algorithm = _ALGORITHMS.get(bytes(source[:2]))
        if algorithm is None:
            raise UnknownLayoutError(f"compression algorithm {bytes(source[:2])!r}")
        packed, unpacked = _sizes(source)
        blocks.append(algorithm(source[HEADER : HEADER + packed], unpacked))
        source = source[HEADER + packed :]
    return blocks


def _sizes(source: memoryview) -> tuple[int, int]:
    """Bytes of a block after its header, and once unpacked."""
    return int.from_bytes(source[3:6], "little"), int.from_bytes(source[6:9], "little")


def _zstd(source: memoryview, size: int) -> Bytes:
    try:
        decompressor = _thread.zstd
    except AttributeError:  # a context serves one thread
        decompressor = _thread.zstd = zstandard.ZstdDecompressor().decompress
    if zstandard.frame_content_size(source) not in {size, UNKNOWN}:  # what would be allocated
        raise UnknownLayoutError(f"a frame that is not of {size} bytes")
    return decompressor(source, size)  # type: ignore[no-any-return]


def _lz4(source: memoryview, size: int) -> Bytes:
    return memoryview(cramjam.lz4.decompress_block(source[LZ4_CHECKSUM:], output_len=size))


def _zlib(source: memoryview, size: int) -> Bytes:
    return deflate.zlib_decompress(source, size)


def _lzma(source: memoryview, _size: int) -> Bytes:
    return lzma_mt.LZMADecompressor(lzma_mt.FORMAT_XZ).decompress(source)  # type: ignore[arg-type]


_ALGORITHMS: Mapping[bytes, Callable[[memoryview, int], Bytes]] = {
    b"ZS": _zstd,
    b"L4": _lz4,
    b"ZL": _zlib,
    b"XZ": _lzma,
}
