"""Remarks on images whose values use little of their range, or are outside of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from builders.image_store import in_threads, thread_count
from builders.pixel_values import BadImageError
from builders.sources.combined import Combined
from builders.sources.source import Source, Values
from common.errors import RequestError

_SAMPLE = 64
# Images that use less of their range are nearly always read with a wrong one: 14 bits are a quarter of 16.
_SMALL_SHARE = 0.26
# Every dataset has some images that are dark or of one tone.
_NOTABLE = 0.25

Pixels = Callable[[np.ndarray], np.ndarray]


def sampled_values(source: Source, indices: np.ndarray) -> tuple[Values, ...]:
    """The range of values in up to 64 images, evenly chosen: one for each pair of black and white.

    Args:
        source: The images.
        indices: int64 [n], n > 0, indices into the source.
    """
    return _together(_values(source, indices[_sample(len(indices))]))


def value_remarks(source: Source, splits: Mapping[str, tuple[np.ndarray, Pixels]]) -> list[str]:
    """Remarks on the values of images, from up to 64 of each split.

    Args:
        source: The images.
        splits: Split → (int64 [n], n > 0, indices into the source; function of positions → uint8, decoded images).
    """
    if isinstance(source, Combined):
        return _remarks_of_members(source, splits)
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
        which = "" if everywhere else f" of {count} of {judged} sampled image{'s' * (judged != 1)} ({', '.join(names)})"
        remarks.append(_remark(source, values, which, alone=count == judged and len(names) == len(splits)))
    return remarks


def _remarks_of_members(source: Combined, splits: Mapping[str, tuple[np.ndarray, Pixels]]) -> list[str]:
    """Remarks on each of several sources, whose values mean black and white on their own."""
    remarks = []
    for number, member in enumerate(source.members):
        inside = {}
        for name, (indices, pixels) in splits.items():
            at = np.flatnonzero(source.member_of()[indices] == number)
            if len(at):
                places = indices[at] - source.starts[number]
                inside[name] = places, lambda chosen, at=at, pixels=pixels: pixels(at[chosen])
        remarks += value_remarks(member, inside) if inside else []
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
    """The values of sampled images that use little of their range, and the number of sampled images.

    Images of one value do not count, because a mask may be empty. Where there are no others, all count as one.
    """
    chosen = _sample(len(indices))
    count = len(chosen)
    if source.can_fail:
        # Their original values require decoding again, which is worthwhile only where the decoded ones look odd.
        try:
            shown = pixels(chosen).reshape(count, -1)
        except RequestError:
            return [], 0  # a damaged file, which is reported when it is read
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
    """The values of images, except unreadable ones and those whose range is certain.

    Args:
        source: The images.
        indices: int64 [n], indices into the source.
        trimmed: Whether to ignore a few values where all others use little of their range.
    """

    def read(index: int) -> Values | None:
        try:
            values = source.values_of(index)
            if not trimmed or values is None or _is_narrow(values):
                return values
            inner = source.values_of(index, trimmed=True)
            # A few bright pixels on black are a mask.
            return inner if inner is not None and _is_narrow(inner) and not _is_flat(inner) else values
        except BadImageError:
            return None

    return [values for values in in_threads(read, indices.tolist(), thread_count()) if values is not None]


def _together(found: Iterable[Values]) -> tuple[Values, ...]:
    """One range for each pair of black and white."""
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
    """A suggested range: from 0 to the maximum of their bits where that fits, else from the lowest to the highest."""
    whole = values.lowest.is_integer() and values.highest.is_integer()
    if whole and 0 <= values.lowest <= values.highest / 2 and values.highest > 0:
        return [0, 2 ** int(values.highest).bit_length() - 1]
    ends = [0.0 if 0 <= values.lowest <= values.highest / 2 else values.lowest, values.highest]
    ends[1] += 1 if ends[0] == ends[1] else 0
    return [int(end) if whole else float(f"{end:.4g}") for end in ends]
