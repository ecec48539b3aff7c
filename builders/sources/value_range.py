"""The values of a source's images that mean black and white, as a spec gives them."""

from collections.abc import Sequence

from builders.errors import RequestError
from builders.images import ValueRange


def checked_range(where: str, value_range: Sequence[float] | None) -> ValueRange | None:
    """A `value_range` of a spec.

    Raises:
        RequestError: It is not two numbers, the smaller first.
    """
    if value_range is None:
        return None
    if len(value_range) != 2 or not value_range[0] < value_range[1]:
        raise RequestError(f"{where}: expected [black, white], smaller first, got {list(value_range)}")
    return float(value_range[0]), float(value_range[1])
