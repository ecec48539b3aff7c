"""What sources of image files with names share: splits, classes and parts by their folders."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from builders.image_files import Found
from builders.sources.folder_structure import structure_of
from builders.sources.source import EncodedSource
from common.errors import RequestError
from common.formatting import printable
from common.picture_formats import named_formats

_SHOWN = 6
# Files that are shards of images for another source.
_SHARDS = {".tar": "webdataset", ".parquet": "parquet"}


class NamedImages(EncodedSource):
    """Image files whose folders are splits and classes, as `folder_structure` finds them.

    A subclass calls `_arrange` in its constructor, and implements `file` and `_size_in_bytes`.
    """

    def __len__(self) -> int:
        return len(self._names)

    def name_of(self, index: int) -> str:
        """Path inside the source, as it can be shown."""
        return printable(self._names[index])

    def file_names(self) -> Sequence[str]:
        """Paths inside the source."""
        return self._names

    def labels(self) -> np.ndarray:
        """Numbers of class folders."""
        return self._labels

    def part_names(self) -> list[str]:
        """The folders at the level of the splits or classes; others are parts as well."""
        return list(self._parts)

    def part(self, name: str) -> np.ndarray | None:
        """Images under a sub-folder."""
        wanted = tuple(name.strip("/").split("/"))
        found = [index for index, folder in enumerate(self._folders) if folder[: len(wanted)] == wanted]
        return np.array(found, np.int64) if found else None

    def fingerprint(self) -> str:
        """sha256 of all names and file sizes and of the bytes of up to 64 files, evenly chosen.

        The place and the dates do not count, so a copied dataset keeps its fingerprint, also in an archive.
        """
        digest = hashlib.sha256()
        for index, name in enumerate(self._names):
            digest.update(f"{name}\0{self._size_in_bytes(index)}\n".encode("utf-8", "surrogateescape"))
        self.add_samples(digest)
        if self.value_range is not None:
            digest.update(repr(self.value_range).encode())
        return digest.hexdigest()

    @abstractmethod
    def _size_in_bytes(self, index: int) -> int:
        """The size of an image's file; -1 where it is missing."""

    def _arrange(self, found: Found, where: str, shown: str, kind: str) -> None:
        """Sets names, splits, classes, parts and remarks.

        Args:
            found: The files.
            where: Path in the spec, for errors.
            shown: What the user named there.
            kind: What it is, such as `folder`.
        """
        self._names = found.images
        if not self._names:
            others = f": {_by_suffix(found)}" if found.others else ""
            shards = next((name for suffix, name in _SHARDS.items() if suffix in found.others), None)
            advice = f"for shards, write `{shards}: {{path: …}}`" if shards else f"name {kind} with images"
            raise RequestError(
                f"{where}: '{shown}' holds no {named_formats('or')} image, nor do its "
                f"sub-folders; {found.others.total()} other files were found{others}; {advice}"
            )
        # There are few folders with many images each.
        inside = [name.rpartition("/")[0] for name in self._names]
        folders = {name: tuple(printable(name).split("/")) if name else () for name in set(inside)}
        self._folders = [folders[name] for name in inside]
        structure = structure_of(list(folders.values()))
        self.own_splits = structure.own_splits
        self._parts = structure.parts
        self.remarks = (*_left_out(found), *structure.remarks)
        # Folders that no split uses do not count as classes.
        classes = {structure.class_of(folder) for folder in folders.values() if structure.is_divided(folder)}
        self.class_names = tuple(sorted(name for name in classes if name is not None))
        numbers = {name: number for number, name in enumerate(self.class_names)}
        labels = {folder: numbers.get(structure.class_of(folder) or "", -1) for folder in folders.values()}
        self._labels = np.array([labels[folder] for folder in self._folders], np.int64)


def _left_out(found: Found) -> Iterator[str]:
    """Remarks on other content than images."""
    if found.others:
        count = found.others.total()
        yield (
            f"{count} {'file is' if count == 1 else 'files are'} left out, for only {named_formats('and')} can "
            f"be read: {_by_suffix(found)}"
        )
    if found.loops:
        names = ", ".join(f"'{printable(name)}'" for name in found.loops[:3])
        more = f" and {len(found.loops) - 3} more" if len(found.loops) > 3 else ""
        yield f"links that lead to a folder above them, or through many others, are not followed: {names}{more}"


def _by_suffix(found: Found) -> str:
    """`40 .heic, 1 .txt`, the most frequent first."""
    pairs = sorted(found.others.items(), key=lambda pair: (-pair[1], pair[0]))
    words = [f"{count} {printable(suffix) or 'without a suffix'}" for suffix, count in pairs[:_SHOWN]]
    rest = sum(count for _, count in pairs[_SHOWN:])
    return ", ".join([*words, f"{rest} others"] if rest else words)
