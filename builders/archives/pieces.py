"""Pieces of files by position, at random or one after the other."""

import os
from collections.abc import Sequence
from functools import lru_cache
from io import BufferedReader
from pathlib import Path

from builders.pixel_values import BadImageError
from common.files import memory_budget, open_regular

_OPEN_FILES = 128
_WINDOW = 1 << 14
# As many threads as decode images may hold a piece each.
_READERS = 16


class Windows:
    """Reads a file from its beginning to its end; what is near is read with one system call.

    Args:
        opened: The file.

    Attributes:
        size: Its size in bytes.
    """

    def __init__(self, opened: BufferedReader):
        self._handle = opened.fileno()
        self.size = os.fstat(self._handle).st_size
        self._start, self._held = 0, b""

    def read(self, at: int, size: int) -> bytes:
        """Bytes at a position; fewer only at the end of the file."""
        place = at - self._start
        if not 0 <= place <= len(self._held) - size:
            self._start, self._held, place = at, os.pread(self._handle, max(size, _WINDOW), at), 0
        return self._held[place : place + size]


class Pieces:
    """Reads pieces of files from any thread. At most 128 files are open at a time.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Sequence[Path]):
        self._paths = paths
        self._limit = memory_budget() // _READERS
        # A file that leaves the cache closes when the last thread has read it.
        self._file = lru_cache(maxsize=_OPEN_FILES)(self._open)

    def read(self, number: int, offset: int, size: int) -> bytes:
        """A piece; shorter only at the end of the file.

        Args:
            number: Of the file, from 0.
            offset: In bytes.
            size: In bytes.

        Raises:
            BadImageError: The file cannot be read, or the piece is too large for the memory.
        """
        self.check_size(size)
        try:
            # Held by its name: one that leaves the cache meanwhile would close, and its number belong to another file.
            file = self._file(number)
            return os.pread(file.fileno(), size, offset)
        except (OSError, OverflowError) as error:
            raise BadImageError(getattr(error, "strerror", None) or str(error)) from None

    def read_whole(self, number: int, offset: int, size: int) -> bytes:
        """A piece. Raises BadImageError as `read` does, and where the file ends before the piece."""
        found = self.read(number, offset, size)
        if len(found) < size:
            raise BadImageError(f"cut short: {len(found):,} of {size:,} bytes are there")
        return found

    def check_size(self, size: int) -> None:
        """Refuses an image file that is too large to be in memory once for each thread. Raises BadImageError."""
        if size > self._limit:
            raise BadImageError(
                f"holds {size / 1e6:,.0f} MB; a file in an archive may have {self._limit / 1e6:,.0f} MB, a sixteenth "
                "of RETRACE_MEMORY_BUDGET"
            )

    def _open(self, number: int) -> BufferedReader:
        return open_regular(self._paths[number])
