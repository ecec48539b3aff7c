"""Values of any type → 8 bits: what means black and white in each type, and in a `value_range`."""

import numpy as np

ValueRange = tuple[float, float]
"""The values of black and white."""


class BadImageError(Exception):
    """An image that cannot be used. The message does not contain its name."""


def usual_range(kind: np.dtype) -> ValueRange:
    """What means black and white in values of a type, where nothing else is stated."""
    return (0, 1) if kind.kind in "fb" else (0, 65535) if kind == np.uint16 else (0, 255)


def to_uint8(values: np.ndarray, value_range: ValueRange | None) -> np.ndarray:
    """Values of any type → uint8 of the same shape.

    Args:
        values: Of any shape. Of 16 bits without a sign the upper 8 are kept, as in `skimage.img_as_ubyte`.
        value_range: The values of black and white; those outside are clipped. None: `usual_range` of the type.

    Raises:
        BadImageError: Values are not finite, or without a value range outside of their usual one.
    """
    if value_range is not None:
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise BadImageError("values that are not finite")
        return to_8_bits(values, value_range)
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    black, white = usual_range(values.dtype)
    # A hair outside comes from arithmetic in float32 and is no mistake.
    hair = (white - black) * 1e-3
    if not (values.min() >= black - hair and values.max() <= white + hair):  # false for NaN as well
        raise BadImageError(
            f"values from {values.min():g} to {values.max():g}, expected {black:g} to {white:g}; set value_range"
        )
    return to_8_bits(values, (black, white))


def to_8_bits(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Numbers → uint8 of the same shape: the range becomes 0 to 255, values outside are clipped."""
    black, white = value_range
    return np.rint(np.clip((values.astype(np.float64) - black) / (white - black), 0, 1) * 255).astype(np.uint8)


def value_ends(values: np.ndarray, trimmed: bool = False) -> tuple[float, float]:
    """The lowest and the highest value.

    Args:
        values: Of any shape, not empty.
        trimmed: Whether to ignore a thousandth at either end, at least three values: dead pixels and a camera's marks.
    """
    if not trimmed:
        return float(values.min()), float(values.max())
    left_out = min(max(3, values.size // 1000), (values.size - 1) // 2)
    ends = left_out, values.size - 1 - left_out
    ordered = np.partition(values.reshape(-1), ends)
    return float(ordered[ends[0]]), float(ordered[ends[1]])
