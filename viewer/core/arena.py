"""Shared memory for the worker's arrays, and returning freed memory to the system."""

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

HALVES = 2
_WANTED = 64 * 2**20
_LEAST = 4 * 2**20
_ALIGNMENT = 64


class Arena:
    """Two halves, written in turn: while the window copies one, the worker fills the other.

    The window makes and removes the arena; the worker attaches to it by name.

    Args:
        name: Name of an existing arena; unset makes a new one.
    """

    def __init__(self, name: str | None = None):
        self._owner = name is None
        self._memory = SharedMemory(name=name) if name else _reserved(_size())
        self.half_size = self._memory.size // HALVES

    @property
    def name(self) -> str:
        """Name by which the worker attaches to it."""
        return self._memory.name

    def write(self, turn: int, arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[int, tuple[int, ...], str]]:
        """Writes arrays into the half of a turn and returns their places.

        Raises:
            ValueError: They do not fit.
        """
        start = (turn % HALVES) * self.half_size
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
        """Called by the maker once the worker is attached: the system then frees the memory with its last user."""
        if self._owner:
            self._owner = False
            self._memory.unlink()

    def close(self) -> None:
        """Closes the memory."""
        self._memory.close()
        self.forget_name()


def _reserved(size: int) -> SharedMemory:
    """New shared memory, allocated at once: writing to memory that is missing later would kill the process.

    Raises:
        OSError: There is not enough.
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
    """A size that fits: containers often have 64 MB of shared memory in all."""
    folder = Path("/dev/shm")
    if sys.platform != "linux" or not folder.is_dir():
        return _WANTED
    return max(_LEAST, min(_WANTED, shutil.disk_usage(folder).free // 2))


_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_BYTES = 128 * 1024


def return_large_arrays() -> None:
    """Makes glibc return every freed large array to the system; call it before there are any.

    By default glibc raises its threshold for large pieces to the size of freed ones. All arrays then share one heap,
    whose holes grow as long as the window is open. Without glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _BYTES)
