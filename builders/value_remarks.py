"""Whether the values of images fill their range, and whether some lie outside of it."""

from collections.abc import Callable, Sequence

import numpy as np

from builders.errors import RequestError
from builders.images import BadImageError
from builders.sources.source import Source, Values

_SAMPLE = 64
# What fills no more of its range is nearly always a range misunderstood: 14 bits fill a quarter of 16.
_SMALL_SHARE = 0.26


def sampled_values(source: Source, indices: np.ndarray) -> tuple[Values, ...]:
    """The values of up to 64 images, evenly chosen: one for each pair of black and white that occurs.

    Args:
        source: The images.
        indices: int64 [n], n > 0, indices into the source.
    """
    found: dict[tuple[float, float], Values] = {}
    for index in indices[_sample(len(indices))].tolist():
        try:
            values = source.values_of(index)
        except BadImageError:
            continue
        if values is not None:
            ends = values.black, values.white
            known = found.get(ends, values)
            found[ends] = Values(min(known.lowest, values.lowest), max(known.highest, values.highest), *ends)
    return tuple(found.values())


def value_remarks(source: Source, indices: np.ndarray, pixels: Callable[[np.ndarray], np.ndarray]) -> list[str]:
    """Remarks on the values of some images, from up to 64 of them.

    Args:
        source: The images.
        indices: int64 [n], n > 0, indices into the source.
        pixels: Positions in `indices` → uint8, these images as they were decoded.
    """
    if source.can_fail and source.value_range is None:
        # Decoding them once more, to see their values as they are, is of use only where they look odd.
        try:
            shown = pixels(_sample(len(indices)))
        except RequestError:
            return []  # a damaged file, which is named when it is its turn
        if int(shown.max()) - int(shown.min()) > _SMALL_SHARE * 255:
            return []
    return [said for values in sampled_values(source, indices) if (said := _remark(source, values))]


def _sample(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, _SAMPLE).astype(int))


def _remark(source: Source, values: Values) -> str | None:
    lowest, highest = f"{values.lowest:g}", f"{values.highest:g}"
    ends = f"{values.black:g} (black) to {values.white:g} (white)"
    if source.value_range is not None and (values.lowest < values.black or values.highest > values.white):
        return f"values reach from {lowest} to {highest}, and {source.value_range_key} clips them to {ends}"
    if values.highest - values.lowest > _SMALL_SHARE * (values.white - values.black):
        return None
    said = f"values reach only from {lowest} to {highest}, of {ends}"
    if source.value_range_key is None:
        return said
    return f"{said}; if others mean black and white, set {source.value_range_key}, such as {_suggested(values)}"


def _suggested(values: Values) -> Sequence[float]:
    """A range that the values fill: from 0 to what their bits can hold, where they look like that."""
    whole = values.lowest.is_integer() and values.highest.is_integer()
    if whole and 0 <= values.lowest <= values.highest / 2 and values.highest > 0:
        return [0, 2 ** int(values.highest).bit_length() - 1]
    ends = [0.0 if 0 <= values.lowest <= values.highest / 2 else values.lowest, values.highest]
    ends[1] += 1 if ends[0] == ends[1] else 0
    return [int(end) if whole else float(f"{end:.4g}") for end in ends]
