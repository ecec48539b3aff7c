"""Several sources as one."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from builders.sources.source import Source, Values
from builders.spec.data_types import Image


class Combined(Source):
    """The images of several sources, one source after the other. Classes of equal name are one class.

    A part is the parts of that name in all members. Members' own splits count only where all of them have some.

    Args:
        members: The sources, at least one.
        prefixes: What the names of each member's images begin with, so that names are unique.

    Attributes:
        members: As given.
        starts: int64 [members + 1], the index of each member's first image, and the number of images.
    """

    def __init__(self, members: Sequence[Source], prefixes: Sequence[str]):
        self.members = tuple(members)
        self._prefixes = tuple(prefixes)
        self._arrange()

    def _arrange(self) -> None:
        """Sets what follows from the members, again after they were prepared."""
        self.starts = np.cumsum([0, *map(len, self.members)])
        self.can_fail = any(member.can_fail for member in self.members)
        sizes = {member.size for member in self.members}
        self.size = sizes.pop() if len(sizes) == 1 else None
        ranges = {(member.value_range, member.value_range_key) for member in self.members}
        self.value_range, self.value_range_key = ranges.pop() if len(ranges) == 1 else (None, None)
        self.class_names = tuple(dict.fromkeys(name for member in self.members for name in member.class_names))
        splits = [member.own_splits for member in self.members]
        names = dict.fromkeys(split for own in splits for split in own) if all(splits) else {}
        self.own_splits = self.members[0].own_splits if len(splits) == 1 else {split: split for split in names}
        self.binding_splits = bool(self.own_splits) and any(member.binding_splits for member in self.members)
        self.remarks = tuple(
            f"{prefix.rstrip('/')}: {remark}" if prefix else remark
            for prefix, member in zip(self._prefixes, self.members)
            for remark in member.remarks
        )

    def __len__(self) -> int:
        return int(self.starts[-1])

    def place_of(self, index: int) -> tuple[Source, int]:
        """The member that has an image, and the index of the image there."""
        number = int(np.searchsorted(self.starts, index, "right")) - 1
        return self.members[number], int(index - self.starts[number])

    def member_of(self) -> np.ndarray:
        """int64 [count]: the number of the member that has each image."""
        return np.repeat(np.arange(len(self.members)), np.diff(self.starts))

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Prepares all members; see `Source.prepare`."""
        for member in self.members:
            member.prepare(progress)
        self._arrange()

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """One image of a member; see `Source.read`."""
        member, place = self.place_of(index)
        return member.read(place, image, size)

    def name_of(self, index: int) -> str:
        """The member's name of the image, behind its prefix."""
        member, place = self.place_of(index)
        return f"{self._prefixes[int(np.searchsorted(self.starts, index, 'right')) - 1]}{member.name_of(place)}"

    def file_names(self) -> Sequence[str] | None:
        """Names of all members' files behind their prefixes; None where a member has none."""
        found = [member.file_names() for member in self.members]
        if any(names is None for names in found):
            return None
        return [f"{prefix}{name}" for prefix, names in zip(self._prefixes, found) for name in names or ()]

    def labels(self) -> np.ndarray:
        """The members' labels, by the names of their classes."""
        numbers = {name: number for number, name in enumerate(self.class_names)}
        found = []
        for member in self.members:
            places = np.array([*(numbers[name] for name in member.class_names), -1], np.int64)  # the last is that of -1
            found.append(places[member.labels()])
        return np.concatenate(found)

    def part_names(self) -> list[str]:
        """Names of all members' parts."""
        return list(dict.fromkeys(name for member in self.members for name in (*member.part_names(), *self.own_splits)))

    def part(self, name: str) -> np.ndarray | None:
        """The parts of that name in all members; a split's name also means what a member uses for it."""
        found = []
        for member, start in zip(self.members, self.starts):
            own = member.own_splits.get(name) if name in self.own_splits else None
            inside = member.part(name if own is None else own)
            if inside is not None:
                found.append(inside + start)
        return np.concatenate(found) if found else None

    def check(self, index: int) -> int | None:
        """Checks an image of a member; see `Source.check`."""
        member, place = self.place_of(index)
        return member.check(place)

    def traces(self, indices: np.ndarray) -> np.ndarray | None:
        """Traces of the members' images; None where those of a member must be read."""
        found = np.empty(len(indices), np.uint64)
        for member, start, end in zip(self.members, self.starts, self.starts[1:]):
            here = (indices >= start) & (indices < end)
            traces = member.traces(indices[here] - start) if here.any() else np.empty(0, np.uint64)
            if traces is None:
                return None
            found[here] = traces
        return found

    def size_of(self, index: int) -> tuple[int, int] | None:
        """Height and width of a member's image; see `Source.size_of`."""
        member, place = self.place_of(index)
        return member.size_of(place)

    def values_of(self, index: int, trimmed: bool = False) -> Values | None:
        """The values of a member's image; see `Source.values_of`."""
        member, place = self.place_of(index)
        return member.values_of(place, trimmed)

    def fingerprint(self) -> str:
        """sha256 of the members' fingerprints."""
        return hashlib.sha256("\n".join(member.fingerprint() for member in self.members).encode()).hexdigest()
