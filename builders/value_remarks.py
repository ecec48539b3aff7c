"""Whether the values of images fill their range, and whether some lie outside of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from builders.image_store import in_threads, thread_count
from builders.images import BadImageError
from builders.sources.source import Source, Values
from common.errors import RequestError

_SAMPLE = 64
# What fills no more of its range is nearly always a range misunderstood: 14 bits fill a quarter of 16.
_SMALL_SHARE = 0.26
# Some images of every set are dark, or all of one tone.
_NOTABLE = 0.25

Pixels = Callable[[np.ndarray], np.ndarray]


def sampled_values(source: Source, indices: np.ndarray) -> tuple[Values, ...]:
    """The values of up to 64 images, evenly chosen: one for each pair of black and white that occurs.

    Args:
        source: The images.
        indices: int64 [n], n > 0, indices into the source.
    """
    return _together(_values(source, indices[_sample(len(indices))]))


def value_remarks(source: Source, splits: Mapping[str, tuple[np.ndarray, Pixels]]) -> list[str]:
    """Remarks on the values of images, from up to 64 of each split.

    Args:
        source: The images.
        splits: Split → int64 [n], n > 0, indices into the source; and positions in them → uint8, these images as they
            were decoded.
    """
    if source.value_range is not None:
        return _remarks_on_a_given_range(source, [indices for indices, _ in splits.values()])
    narrow: list[Values] = []
    names, judged = [], 0
    for name, (indices, pixels) in splits.items():
        found, count = _narrow(source, indices, pixels)
        if found and len(found) >= _NOTABLE * count:
            narrow += found
            names.append(name)
            judged += count
    everywhere = len(names) == len(splits) and len(narrow) == judged
    remarks = []
    for values in _together(narrow):
        count = sum((one.black, one.white) == (values.black, values.white) for one in narrow)
        which = (
            "" if everywhere else f" of {count} of {judged} image{'s' * (judged != 1)} looked at ({', '.join(names)})"
        )
        remarks.append(_remark(source, values, which, alone=count == judged and len(names) == len(splits)))
    return remarks


def _remarks_on_a_given_range(source: Source, splits: Iterable[np.ndarray]) -> list[str]:
    remarks = []
    found = [values for indices in splits for values in _values(source, indices[_sample(len(indices))])]
    for values in _together(found):
        if values.lowest < values.black or values.highest > values.white:
            remarks.append(
                f"values reach from {values.lowest:g} to {values.highest:g}, and {source.value_range_key} clips them "
                f"to {_ends(values)}"
            )
        elif _is_narrow(values):
            remarks.append(_remark(source, values))
    return remarks


def _narrow(source: Source, indices: np.ndarray, pixels: Pixels) -> tuple[list[Values], int]:
    """The values of those of some images that fill little of their range, and how many images that is out of.

    An image of one value says nothing by itself: a mask may be empty. Where there is no other, all count as one.
    """
    chosen = _sample(len(indices))
    count = len(chosen)
    if source.can_fail:
        # Decoding them once more, to see their values as they are, is of use only where they look odd.
        try:
            shown = pixels(chosen).reshape(count, -1)
        except RequestError:
            return [], 0  # a damaged file, which is named when it is its turn
        low, high = np.percentile(shown, (10, 90), axis=1)
        chosen = chosen[high - low <= _SMALL_SHARE * 255]
        if len(chosen) < _NOTABLE * count:
            return [], count
    found = _values(source, indices[chosen], trimmed=True)
    flat = [values for values in found if _is_flat(values)]
    if len(flat) == count:
        whole = [values for values in _together(flat) if _is_narrow(values)]
        return whole, len(whole)
    return [values for values in found if _is_narrow(values) and not _is_flat(values)], count - len(flat)


def _values(source: Source, indices: np.ndarray, trimmed: bool = False) -> list[Values]:
    """The values of images, without those that cannot be read, or have none of their own.

    Args:
        source: The images.
        indices: int64 [n], indices into the source.
        trimmed: Whether a few values do not count where all others fill little of their range.
    """

    def read(index: int) -> Values | None:
        try:
            values = source.values_of(index)
            if not trimmed or values is None or _is_narrow(values):
                return values
            inner = source.values_of(index, trimmed=True)
            # What a few bright pixels on black are is a mask.
            return inner if inner is not None and _is_narrow(inner) and not _is_flat(inner) else values
        except BadImageError:
            return None

    return [values for values in in_threads(read, indices.tolist(), thread_count()) if values is not None]


def _together(found: Iterable[Values]) -> tuple[Values, ...]:
    """One for each pair of black and white that occurs."""
    groups: dict[tuple[float, float], Values] = {}
    for values in found:
        ends = values.black, values.white
        known = groups.get(ends, values)
        groups[ends] = Values(min(known.lowest, values.lowest), max(known.highest, values.highest), *ends)
    return tuple(groups.values())


def _sample(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, _SAMPLE).astype(int))


def _is_flat(values: Values) -> bool:
    return values.lowest == values.highest


def _is_narrow(values: Values) -> bool:
    return values.highest - values.lowest <= _SMALL_SHARE * (values.white - values.black)


def _ends(values: Values) -> str:
    return f"{values.black:g} (black) to {values.white:g} (white)"


def _remark(source: Source, values: Values, which: str = "", alone: bool = True) -> str:
    said = f"values{which} reach only from {values.lowest:g} to {values.highest:g}, of {_ends(values)}"
    if source.value_range_key is None:
        return said
    others = "" if alone else "separate these images from the others and "
    return f"{said}; if others mean black and white, {others}set {source.value_range_key}, such as {_suggested(values)}"


def _suggested(values: Values) -> Sequence[float]:
    """A range that the values fill: from 0 to what their bits can hold, where they look like that."""
    whole = values.lowest.is_integer() and values.highest.is_integer()
    if whole and 0 <= values.lowest <= values.highest / 2 and values.highest > 0:
        return [0, 2 ** int(values.highest).bit_length() - 1]
    ends = [0.0 if 0 <= values.lowest <= values.highest / 2 else values.lowest, values.highest]
    ends[1] += 1 if ends[0] == ends[1] else 0
    return [int(end) if whole else float(f"{end:.4g}") for end in ends]
