"""The values of a source's images that mean black and white, as a spec gives them."""

import math
from collections.abc import Sequence

from builders.images import ValueRange
from common.errors import RequestError


def checked_range(where: str, value_range: Sequence[float] | None) -> ValueRange | None:
    """A `value_range` of a spec.

    Raises:
        RequestError: It is not two numbers, the smaller first, that are so near that they can be subtracted.
    """
    if value_range is None:
        return None
    if len(value_range) != 2 or not value_range[0] < value_range[1]:
        raise RequestError(f"{where}: expected [black, white], smaller first, got {list(value_range)}")
    try:
        black, white = float(value_range[0]), float(value_range[1])
    except OverflowError:  # a whole number of hundreds of digits
        black, white = -math.inf, math.inf
    if not math.isfinite(white - black):
        raise RequestError(f"{where}: black and white lie too far apart for numbers of 64 bits; name nearer ones")
    return black, white
