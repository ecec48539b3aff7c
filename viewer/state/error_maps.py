"""Where a reconstruction errs: as numbers, and as colours on a scale that all columns share."""

from collections.abc import Iterable

import numpy as np

from viewer.colours import mapped
from viewer.state.variants import Result

ERROR_MAPS = ("absolute", "signed", "ssim")
TITLES = {
    "absolute": "Absolute error",
    "signed": "Signed error: blue too dark, red too bright",
    "ssim": "Local SSIM",
}
SCALES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # 0 goes by the largest error on screen


def error_values(kind: str, result: Result) -> np.ndarray | None:
    """What a kind of map shows of a result.

    Args:
        kind: absolute, signed or ssim.
        result: The result.

    Returns:
        float32 [height, width]; None where there is nothing to show.
    """
    if result.image is None or result.original is None:
        return None
    if kind == "ssim":
        return result.ssim_map
    if kind not in result.errors:
        difference = result.image - result.original
        result.errors[kind] = (difference if kind == "signed" else np.abs(difference)).mean(axis=-1)
    return result.errors[kind]


def error_range(kind: str, scale: float, results: Iterable[Result | None]) -> tuple[float, float]:
    """What the first and the last colour mean, one for all results so that they can be compared.

    Args:
        kind: absolute, signed or ssim.
        scale: The error at the end of the scale; 0 takes the largest of the results.
        results: What is on screen.
    """
    if kind == "ssim":
        return 0.0, 1.0
    largest = scale
    if not largest:
        values = [error_values(kind, result) for result in results if result is not None]
        largest = max((largest_finite(value) for value in values if value is not None), default=0.0) or 1.0
    return (-largest if kind == "signed" else 0.0), largest


def largest_finite(values: np.ndarray) -> float:
    """The largest size among values that are numbers; 0 where none is."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def error_image(kind: str, result: Result, limits: tuple[float, float]) -> np.ndarray | None:
    """A map in colours, float32 [height, width, 3]."""
    values = error_values(kind, result)
    return None if values is None else mapped(kind, values, *limits)
