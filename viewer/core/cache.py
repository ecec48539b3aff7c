"""Values that are made once and kept while they may be needed again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

from viewer.core.drawing import Picture

Value = TypeVar("Value")
# More than one panel has panes.
_MOST_PICTURES = 64


class Recent(Generic[Value]):
    """Key → value; of too many, the one unused for longest is dropped.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int):
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[object, Hashable, Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value], owner: object = None, version: Hashable = None) -> Value:
        """The value of a key.

        Args:
            key: The key.
            make: Makes the value; called where it is not kept, or was made of another owner or version.
            owner: The object it is made of, compared by identity.
            version: What else it depends on.
        """
        kept = self._kept.get(key)
        if kept is None or kept[0] is not owner or kept[1] != version:
            kept = self._kept[key] = owner, version, make()
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept[2]

    def last(self, key: Hashable) -> Value | None:
        """The value of a key that was made last; None where there is none."""
        kept = self._kept.get(key)
        return kept and kept[2]


class PictureCache(Recent[Picture]):
    """Name of a pane → its picture."""

    def __init__(self):
        super().__init__(_MOST_PICTURES)

    def of_array(self, name: str, array: np.ndarray | None) -> Picture | None:
        """The picture of an array, [height, width, 1 or 3]; None where there is none."""
        if array is None:
            self._kept.pop(name, None)
            return None
        return self.get(name, lambda: Picture(array), owner=array)
