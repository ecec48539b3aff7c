"""What was made last, kept while it may be wanted again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Key → value; of too many, the one that was not wanted for longest goes.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int):
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[object, Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value], owner: object = None) -> Value:
        """The value of a key.

        Args:
            key: The key.
            make: Makes the value where it is not kept.
            owner: What it was made from, where the key does not tell; of another object it is made anew.
        """
        kept = self._kept.get(key)
        if kept is None or kept[0] is not owner:
            kept = self._kept[key] = owner, make()
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept[1]
