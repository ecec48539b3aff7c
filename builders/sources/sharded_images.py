"""What sources of images in shards share: parts by the names of the shards."""

from collections.abc import Sequence

import numpy as np

from builders.archives.shards import Shard
from builders.sources.folder_structure import own_splits
from builders.sources.source import EncodedSource


class ShardedImages(EncodedSource):
    """Images of one shard after the other. A subclass calls `_divide` in its constructor, and implements `file`."""

    def __len__(self) -> int:
        return int(self._ends[-1])

    def part_names(self) -> list[str]:
        """The splits that the shards' names say."""
        return list(self._parts)

    def part(self, name: str) -> np.ndarray | None:
        """The images in the shards of a part."""
        if name not in self._parts:
            return None
        ranges = [np.arange(self._starts[number], self._ends[number]) for number in self._parts[name]]
        return np.concatenate(ranges)

    def _divide(self, shards: Sequence[Shard], counts: np.ndarray) -> None:
        """Sets parts and splits.

        Args:
            shards: The shards.
            counts: int64 [shards], how many images are in each.
        """
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts
        parts: dict[str, list[int]] = {}
        for number, (shard, count) in enumerate(zip(shards, counts.tolist())):
            if shard.part and count:
                parts.setdefault(shard.part, []).append(number)
        self._parts = dict(sorted(parts.items()))
        self.own_splits = own_splits(set(self._parts))

    def _shard_of(self, index: int) -> tuple[int, int]:
        """(shard, place in it) of an image."""
        shard = int(np.searchsorted(self._ends, index, side="right"))
        return shard, index - int(self._starts[shard])
