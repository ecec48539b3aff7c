"""What repeats itself in a stack of layers, so that a picture can say it once."""

import re
from collections.abc import Iterator, Sequence

from workflows.network import Row

_LONGEST_PERIOD = 4


def repeats(rows: Sequence[Row]) -> Iterator[tuple[Sequence[Row], int]]:
    """Cuts a stack into (layers, how many times they follow one another); thrice or more is worth saying once."""
    start = 0
    signs = [_sign(row) for row in rows]
    while start < len(rows):
        period, times = 1, 1
        for length in range(1, _LONGEST_PERIOD + 1):
            count = 1
            while signs[start + count * length : start + (count + 1) * length] == signs[start : start + length]:
                count += 1
            if count >= 3 and count * length > period * times:
                period, times = length, count
        yield rows[start : start + period], times
        start += period * times


def _sign(row: Row) -> tuple:
    """What two rows share that are drawn alike."""
    inside = tuple(tuple(map(_sign, stack)) for stack in row.inside)
    return (given_name(row), row.kind, row.shape, row.trainable, row.frozen, row.details, inside)


def given_name(row: Row) -> str:
    """The name a spec gave; empty where the layer was named after its place."""
    return "" if re.fullmatch(rf".+_\d+_{row.kind.lower()}", row.name) else row.name
