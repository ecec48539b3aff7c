"""Weights from people one does not know: how their files are opened, and what their values must be."""

import errno
from io import BufferedReader
from pathlib import Path

import numpy as np

from common.files import memory_budget, open_regular
from common.formatting import printable


def open_weights(path: Path) -> BufferedReader:
    """Opens a file of weights: a regular one that the memory budget holds.

    Raises:
        ValueError: It cannot be opened, is no regular file, or is larger than the budget.
    """
    try:
        return open_regular(path, memory_budget())
    except OSError as error:
        hint = "; RETRACE_MEMORY_BUDGET sets the limit" if error.errno == errno.EFBIG else ""
        raise ValueError(f"{printable(path)} cannot be read: {error.strerror}{hint}") from error


def check_values(path: Path, name: str, values: np.ndarray, infinity: bool = False) -> None:
    """Refuses values that no healthy weight has.

    Args:
        path: The file they come from.
        name: What they are called there.
        values: Real numbers.
        infinity: Whether infinite values pass; masks consist of them.

    Raises:
        ValueError: Some are NaN, or infinite.
    """
    if values.dtype.kind != "f" or not values.size:
        return
    # Both extremes are NaN where any value is, and finding them takes a tenth of what a mask of all values would.
    with np.errstate(invalid="ignore"):
        extremes = np.array([values.min(), values.max()])
    if np.isnan(extremes).any() or (np.isinf(extremes).any() and not infinity):
        wrong = np.count_nonzero(~np.isfinite(values))
        raise ValueError(
            f"{printable(path)}: {wrong:,} of the {values.size:,} values of {printable(name)} are NaN or infinite; "
            "the file is damaged, or comes from a training that failed"
        )
