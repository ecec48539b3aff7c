"""A folder of image files."""

import hashlib
import os
from collections.abc import Iterator

import numpy as np

from builders.image_files import Found, find_images
from builders.sources.folder_structure import structure_of
from builders.sources.source import EncodedSource, checked_range, relative_to, source_path
from common.errors import RequestError
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.folder"
_SHOWN = 6


@SOURCES.register("folder")
class Folder(EncodedSource):
    """All JPEG, PNG, WebP, BMP and GIF files under a folder, however deep, sorted by path.

    Hidden files and those of the system are ignored. Parts: every sub-folder by its path, such as `train` or
    `train/cats`. Folders named train, validation (valid, val, dev, eval) and test (holdout) are the default splits,
    also inside a single top folder. Labels: the sub-folder of an image, numbered in sorted order; inside split folders,
    their sub-folder. Images outside any sub-folder have no label.

    Args:
        path: The folder, relative to the working directory.
        value_range: The values of black and white, such as [0, 4095] for 12 bits in a 16-bit PNG or [0, 1] for masks.
            Values outside are clipped. Unset: the full range of files of 8 or 16 bits.

    Example:
        folder: {path: data/photos}
    """

    value_range_key = f"{_WHERE}.value_range"

    def __init__(self, path: str, value_range: tuple[float, float] | None = None):
        self.value_range = checked_range(self.value_range_key, value_range)
        self._root = source_path(path)
        shown = printable(path)
        if not self._root.is_dir():
            problem = "is a file, expected a folder" if self._root.exists() else "no such folder"
            raise RequestError(f"{_WHERE}.path: {problem}: '{shown}'; {relative_to()}")
        try:
            found = find_images(self._root)
        except OSError as error:
            raise RequestError(
                f"{_WHERE}.path: cannot look into '{printable(str(error.filename))}': {error.strerror}"
            ) from None
        self._names = found.images
        if not self._names:
            others = f": {_by_suffix(found)}" if found.others else ""
            raise RequestError(
                f"{_WHERE}.path: '{shown}' holds no JPEG, PNG, WebP, BMP or GIF image, nor do its "
                f"sub-folders; {found.others.total()} other files were found{others}; name a folder with images"
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

    def __len__(self) -> int:
        return len(self._names)

    def file(self, index: int) -> str:
        """The path of an image."""
        return os.path.join(self._root, self._names[index])  # pathlib takes a twentieth of the time that a file takes

    def name_of(self, index: int) -> str:
        """Path inside the folder, as it can be shown."""
        return printable(self._names[index])

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

        The folder's own place and the files' dates do not count, so a copied dataset keeps its fingerprint.
        """
        digest = hashlib.sha256()
        for name in self._names:
            digest.update(f"{name}\0{_size(os.path.join(self._root, name))}\n".encode("utf-8", "surrogateescape"))
        self.add_samples(digest)
        if self.value_range is not None:
            digest.update(repr(self.value_range).encode())
        return digest.hexdigest()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _left_out(found: Found) -> Iterator[str]:
    """Remarks on other content of a folder than images."""
    if found.others:
        count = found.others.total()
        yield (
            f"{count} {'file is' if count == 1 else 'files are'} left out, for only JPEG, PNG, WebP, BMP and GIF can "
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
