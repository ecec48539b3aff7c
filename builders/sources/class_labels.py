"""Classes from the labels that people write: numbers, or words."""

from collections.abc import Sequence

import numpy as np

from common.errors import RequestError
from common.formatting import printable

_MOST_CLASSES = 1_000_000


def numbered(
    words: Sequence[str], places: np.ndarray, names: Sequence[str] | None, where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers the classes: numbers stay as they are, words are numbered in sorted order.

    Args:
        words: The different labels.
        places: int64 [images], the place of each image's label in `words`; -1 where it has none.
        names: The names of the classes by number; None where the labels alone say them.
        where: Path in the spec of what has the names, for errors.

    Returns:
        int64 [images], -1 where there is none, and the names of the classes.

    Raises:
        RequestError: A label is not among the names, or a number is too large.
    """
    if all(word.isascii() and word.isdecimal() and len(word) < 16 for word in words):
        numbers = [int(word) for word in words]
        count = max(numbers, default=-1) + 1
        if count > _MOST_CLASSES:
            raise RequestError(f"{where}: expected class numbers below {_MOST_CLASSES:,}, got {count - 1:,}")
        known = list(map(str, range(count))) if names is None else names
        if count > len(known):
            raise RequestError(f"{where}: there are {len(known)} names, and labels up to {count - 1}; name all classes")
    else:
        known = sorted(words) if names is None else names
        ranks = {word: number for number, word in enumerate(known)}
        unknown = next((word for word in words if word not in ranks), None)
        if unknown is not None:
            raise RequestError(f"{where}: '{printable(unknown)}' is a label, and not among the names; add it")
        numbers = [ranks[word] for word in words]
    # The last element is that of -1.
    return np.array([*numbers, -1], np.int64)[places], tuple(printable(name) for name in known)
