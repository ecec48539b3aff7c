"""A .npy file that grows a batch at a time."""

import contextlib
import os
from pathlib import Path

import numpy as np

from common.files import atomic_file


class ArrayFile:
    """Writes float32 arrays of a known shape piece by piece; the file appears whole when the last piece is in.

    Plain writes, not a memory map: on a full disk a write is an error, a memory map kills the process.

    Args:
        path: The .npy file.
        shape: The whole array's shape; pieces are added along its first axis.
    """

    def __init__(self, path: str | os.PathLike, shape: tuple[int, ...]):
        self.path = Path(path)
        self.shape = shape
        self._open = contextlib.ExitStack()
        self._rows = 0

    def __enter__(self) -> "ArrayFile":
        temporary = self._open.enter_context(atomic_file(self.path))
        self._file = self._open.enter_context(temporary.open("wb"))
        header = {"descr": np.dtype(np.float32).str, "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        return self

    def append(self, rows: np.ndarray) -> None:
        """Adds rows, float32 [n, …]. Raises ValueError where they do not fit the shape."""
        if rows.shape[1:] != self.shape[1:] or self._rows + len(rows) > self.shape[0]:
            raise ValueError(f"{self.path}: rows {rows.shape} after {self._rows} do not fit {self.shape}")
        self._file.write(np.ascontiguousarray(rows, np.float32).data)
        self._rows += len(rows)

    def __exit__(self, kind, error, traceback) -> bool | None:
        if error is None and self._rows != self.shape[0]:
            error = ValueError(f"{self.path}: {self._rows} rows written, {self.shape[0]} announced")
            self._open.__exit__(type(error), error, None)
            raise error
        return self._open.__exit__(kind, error, traceback)
