"""Pictures of panes, made anew only where what they show is another."""

from collections.abc import Callable, Hashable

import numpy as np

from viewer.pixels import Picture


class PictureCache:
    """Name of a place → the picture there."""

    def __init__(self):
        self._kept: dict[str, tuple[object, Hashable, Picture]] = {}

    def of_array(self, name: str, array: np.ndarray | None) -> Picture | None:
        """The picture of an array, [height, width, 1 or 3]; None where there is none."""
        if array is None:
            self._kept.pop(name, None)
            return None
        return self.made(name, array, None, lambda: array)

    def made(self, name: str, owner: object, key: Hashable, make: Callable[[], np.ndarray]) -> Picture:
        """A picture that has to be drawn first.

        Args:
            name: Of the place.
            owner: What it is made from; another object needs another picture.
            key: What else it depends on.
            make: Draws it, float32 [height, width, 3].
        """
        kept = self._kept.get(name)
        if kept is None or kept[0] is not owner or kept[1] != key:
            kept = self._kept[name] = (owner, key, Picture(make()))
        return kept[2]

    def there(self, name: str) -> Picture | None:
        """What was shown last."""
        kept = self._kept.get(name)
        return kept and kept[2]
