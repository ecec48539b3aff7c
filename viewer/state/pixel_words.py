"""The numbers under the mouse, in words."""

from collections.abc import Sequence

import numpy as np

from viewer.state.variants import Result
from viewer.state.view import Point, pixel_at

_BETWEEN, _CLOSE = "   ·   ", "  ·  "


def words_at(share: Point, original: np.ndarray, columns: Sequence[tuple[str, Result | None]]) -> list[str]:
    """The place, the original, and each reconstruction with its mean error over channels.

    Args:
        share: The point, in shares of the image's width and height.
        original: float32 [height, width, channels], as the first model saw it.
        columns: What each column is called, and its result.

    Returns:
        The same in fewer and fewer words, the longest first.
    """
    place = pixel_at(share, (original.shape[1], original.shape[0]))
    if place is None:
        return [""]
    where, pixel = f"x {place[0]}, y {place[1]}", original[place[1], place[0]]
    found = [(name, *values) for name, result in columns if (values := _values(share, result)) is not None]
    if len(columns) == 1:
        full = [f"reconstruction {_numbers(value, 3)}, error {error:+.3f}" for _, value, error in found]
        brief = [f"error {error:+.3f}" for _, _, error in found]
        return [_BETWEEN.join([where, f"original {_numbers(pixel, 3)}", *full]), _CLOSE.join([where, *brief])]
    source = f"original {_numbers(pixel, 2)}"
    full = [f"{name} {_numbers(value, 2)} ({error:+.2f})" for name, value, error in found]
    named = [f"{name} {error:+.2f}" for name, _, error in found]
    plain = [f"{error:+.2f}" for _, _, error in found]
    return [
        _BETWEEN.join([where, source, *full]),
        _CLOSE.join([where, source, *named]),
        _CLOSE.join([where, *named]),
        _CLOSE.join([where, f"errors {' '.join(plain)}"]),
    ]


def _values(share: Point, result: Result | None) -> tuple[np.ndarray, float] | None:
    """A reconstruction's pixel and its error."""
    if result is None or result.image is None or result.original is None:
        return None
    place = pixel_at(share, (result.image.shape[1], result.image.shape[0]))
    if place is None:
        return None
    value, own = (array[place[1], place[0]] for array in (result.image, result.original))
    return value, float((value - own).mean())


def _numbers(pixel: np.ndarray, digits: int) -> str:
    return " ".join(f"{float(value):.{digits}f}" for value in pixel)
