"""Shared memory through which the worker's arrays reach the window, and how both processes return memory."""

import contextlib
import ctypes
import math
import os
import shutil
import sys
from collections.abc import Mapping
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np

_HALVES = 2
_WANTED = 64 * 2**20
_LEAST = 4 * 2**20
_ALIGNMENT = 64


class Arena:
    """Two halves, written in turn: while the window copies one, the worker fills the other.

    The window makes and removes it; the worker attaches to it by name.

    Args:
        name: Of an arena that exists; unset: a new one is made.
    """

    def __init__(self, name: str | None = None):
        self._owner = name is None
        self._memory = SharedMemory(name=name) if name else _reserved(_size())
        self.half_size = self._memory.size // _HALVES

    @property
    def name(self) -> str:
        """By which the worker finds it."""
        return self._memory.name

    def write(self, turn: int, arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[int, tuple[int, ...], str]]:
        """Puts arrays into the half whose turn it is and says where they lie.

        Raises:
            ValueError: They do not fit.
        """
        start = (turn % _HALVES) * self.half_size
        offset, places = start, {}
        for name, array in arrays.items():
            array = np.ascontiguousarray(array)
            if offset + array.nbytes > start + self.half_size:
                total = sum(each.nbytes for each in arrays.values())
                raise ValueError(
                    f"the result takes {total / 1e6:.0f} MB, more than the {self.half_size / 1e6:.0f} MB of shared "
                    "memory there are; choose a smaller image or an earlier, smaller part of it"
                )
            np.ndarray(array.shape, array.dtype, self._memory.buf, offset)[...] = array
            places[name] = (offset, array.shape, array.dtype.str)
            offset += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        return places

    def read(self, places: Mapping[str, tuple[int, tuple[int, ...], str]]) -> dict[str, np.ndarray]:
        """Copies of arrays, by name."""
        found = {}
        for name, (offset, shape, dtype) in places.items():
            if offset + math.prod(shape) * np.dtype(dtype).itemsize > self._memory.size:
                raise ValueError(f"array '{name}' reaches beyond the shared memory")
            found[name] = np.ndarray(shape, dtype, self._memory.buf, offset).copy()
        return found

    def forget_name(self) -> None:
        """Called by its maker once the other side is attached: the memory then ends with the last who has it open.

        So nothing is left behind, however both of them end.
        """
        if self._owner:
            self._owner = False
            self._memory.unlink()

    def close(self) -> None:
        """Lets go of the memory."""
        self._memory.close()
        self.forget_name()


def _reserved(size: int) -> SharedMemory:
    """New shared memory that is there: what is only promised kills the process that writes to it later.

    Raises:
        OSError: There is not so much.
    """
    memory = SharedMemory(create=True, size=size)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(memory._fd, 0, size)  # type: ignore[attr-defined]
        except OSError:
            memory.close()
            memory.unlink()
            raise
    return memory


def _size() -> int:
    """Containers often have 64 MB of shared memory in all, and writing beyond it kills a process."""
    folder = Path("/dev/shm")
    if sys.platform != "linux" or not folder.is_dir():
        return _WANTED
    return max(_LEAST, min(_WANTED, shutil.disk_usage(folder).free // 2))


_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_BYTES = 128 * 1024


def return_large_arrays() -> None:
    """Lets every array of pixels or activations go back to the system once it is freed; call before there are any.

    glibc takes large pieces of memory from the system one by one, but raises what it calls large to the size of
    whatever was freed. From then on arrays of all sizes share one heap, whose holes grow for as long as the window is
    open. Elsewhere than with glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _BYTES)
