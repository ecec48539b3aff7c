"""Decoded, fitted images of a split, kept in memory where they fit."""

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import psutil

MEMORY_SHARE = 0.25
"""Share of free memory that the images of all splits together may fill."""


# A future for each of a million files would fill the memory.
_BLOCK = 1024

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

CGROUP = pathlib.Path("/sys/fs/cgroup")


def thread_count() -> int:
    """Threads for decoding: the processors this process may use, at most 16. Pillow decodes outside Python's lock."""
    return max(1, min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def free_memory() -> int:
    """Bytes that can still be used: the machine's, or the container's where that is less."""
    free = psutil.virtual_memory().available
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return free if limit == "max" else max(0, min(free, int(limit) - used))


def in_threads(work: Callable[[_Item], _Result], items: Sequence[_Item], threads: int) -> Iterator[_Result]:
    """The results of `work` for all items, in order, computed by threads."""
    with ThreadPoolExecutor(threads, thread_name_prefix="data") as pool:
        for start in range(0, len(items), _BLOCK):
            yield from pool.map(work, items[start : start + _BLOCK])


class ImageStore:
    """Images by row, decoded by threads.

    Args:
        read: row → uint8 image of `shape`. Called from several threads.
        count: Number of images.
        shape: (height, width, channels).
        keeps: Whether images stay in memory once decoded.
        threads: Threads for decoding.
    """

    def __init__(
        self, read: Callable[[int], np.ndarray], count: int, shape: tuple[int, int, int], keeps: bool, threads: int
    ):
        self.count = count
        self.shape = shape
        self.keeps = keeps
        self._read = read
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="images")
        # The system allocates this memory page by page, as images arrive.
        self._images = np.empty((count if keeps else 0, *shape), np.uint8)
        self._known = np.zeros(count, bool)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [n, height, width, channels] of the images at these rows."""
        if self.keeps:
            missing = np.unique(rows[~self._known[rows]])
            list(self._threads.map(self.keep, missing.tolist()))
            return self._images[rows]
        return np.stack(list(self._threads.map(self._read, rows.tolist())))

    def kept(self, rows: np.ndarray) -> np.ndarray | None:
        """uint8 [count, height, width, channels] of all images, if those at these rows are in memory; else None."""
        return self._images if self.keeps and self._known[rows].all() else None

    def keep(self, row: int) -> None:
        """Decodes one image into memory. Two threads may do so at once: they write the same bytes."""
        self._images[row] = self._read(row)
        self._known[row] = True
