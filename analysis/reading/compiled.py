"""Values of jagged branches by compiled code, in one pass over their baskets: see `compiled.c`."""

import ctypes

import numpy as np
import numpy.typing as npt

from analysis.compilation import compiled
from analysis.events import IntArray
from analysis.reading.columns import UnknownLayoutError
from analysis.reading.decompression import addresses
from analysis.reading.layouts import Baskets, JaggedValues, NumpyValues, check_positions


class Branch(ctypes.Structure):
    """What `compiled.c` calls by that name."""

    _fields_ = (
        ("n_baskets", ctypes.c_int64),
        ("baskets", ctypes.c_void_p),
        ("borders", ctypes.c_void_p),
        ("entries", ctypes.c_void_p),
        ("key_lengths", ctypes.c_void_p),
        ("header", ctypes.c_int64),
        ("offsets", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("room", ctypes.c_int64),
    )


class CompiledValues:
    """By compiled code, which holds no lock: other threads read meanwhile."""

    def __init__(self, code: ctypes.CDLL) -> None:
        """No offsets seen so far.

        Args:
            code: see `compiled`.
        """
        self._code = code
        self._offsets: IntArray | None = None

    def of(self, baskets: Baskets) -> tuple[npt.NDArray[np.generic], IntArray]:
        """See `JaggedValues`."""
        parts, keys, entries, dtype, header = baskets
        check_positions(keys, entries)
        room = int(np.sum(keys.border - header * entries)) // dtype.itemsize
        if room < 0:
            raise UnknownLayoutError("entries shorter than their headers")
        values = np.empty(room, dtype.newbyteorder("="))
        offsets = np.empty(int(np.sum(entries)) + 1, np.int64)
        positions = addresses(parts)
        borders, counts, lengths = (
            np.ascontiguousarray(column, np.int64) for column in (keys.border, entries, keys.length)
        )
        unpack = self._code[f"unpack_{dtype.itemsize}"]
        unpack.restype = ctypes.c_int64
        branch = Branch(
            n_baskets=len(parts),
            baskets=positions.ctypes.data,
            borders=borders.ctypes.data,
            entries=counts.ctypes.data,
            key_lengths=lengths.ctypes.data,
            header=header,
            offsets=offsets.ctypes.data,
            values=values.ctypes.data,
            room=room,
        )
        if unpack(ctypes.byref(branch)) != room:
            raise UnknownLayoutError("entries that do not fill their baskets with values")
        if self._offsets is not None and np.array_equal(offsets, self._offsets):
            offsets = self._offsets
        self._offsets = offsets
        return values, offsets


def jagged_values() -> JaggedValues:
    """The fastest way there is on this machine."""
    code = compiled()
    return NumpyValues() if code is None else CompiledValues(code)
