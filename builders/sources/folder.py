"""A folder of image files."""

import contextlib
import hashlib
import os
import pathlib

import numpy as np

from builders.errors import RequestError
from builders.images import SUFFIXES, open_fitted
from builders.sources.file_check import check_file
from builders.sources.registry import SOURCES
from builders.sources.source import Source
from builders.spec.types import Image

# Names under which a dataset's own division is found on disk.
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
_SAMPLED_FILES = 64


@SOURCES.register("folder")
class Folder(Source):
    """All JPEG, PNG, WebP, BMP and GIF files under a folder, however deep, sorted by path; hidden ones are ignored.

    Parts: every sub-folder by its path, such as `train` or `train/cats`. Folders named train, validation (valid, val,
    dev) and test are the default splits. Labels: the sub-folder an image lies in, numbered in sorted order; below
    split folders, their sub-folder. Images outside any sub-folder have no label.

    Args:
        path: The folder, relative to the working directory.
    """

    can_fail = True

    def __init__(self, path: str):
        self._root = pathlib.Path(path).expanduser()
        if not self._root.is_dir():
            problem = "is a file, expected a folder" if self._root.exists() else "no such folder"
            raise RequestError(
                f"dataset.source.folder.path: {problem}: '{path}'; paths are relative to the working directory "
                f"({pathlib.Path.cwd()}); set another with --set dataset.source.folder.path=FOLDER"
            )
        try:
            self._names, others = _image_files(self._root)
        except OSError as error:
            raise RequestError(
                f"dataset.source.folder.path: cannot look into '{error.filename}': {error.strerror}"
            ) from None
        if not self._names:
            raise RequestError(
                f"dataset.source.folder.path: '{path}' holds no JPEG, PNG, WebP, BMP or GIF image, nor do its "
                f"sub-folders; {others} other files were found; name a folder with images"
            )
        self._folders = [tuple(name.split("/")[:-1]) for name in self._names]
        tops = {folder[0] for folder in self._folders if folder}
        self.own_splits = own_splits(tops)
        class_depth = 1 if self.own_splits and tops <= set(self.own_splits.values()) else 0
        classes = [folder[class_depth] if len(folder) > class_depth else None for folder in self._folders]
        self.class_names = tuple(sorted({name for name in classes if name is not None}))
        numbers = {name: number for number, name in enumerate(self.class_names)}
        self._labels = np.array([-1 if name is None else numbers[name] for name in classes], np.int64)

    def __len__(self) -> int:
        return len(self._names)

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """Decodes and fits one file; see `Source.read`."""
        return open_fitted(self._root / self._names[index], image, size)

    def name_of(self, index: int) -> str:
        """Path inside the folder."""
        return self._names[index]

    def labels(self) -> np.ndarray:
        """Numbers of class folders."""
        return self._labels

    def part_names(self) -> list[str]:
        """The top-level folders; deeper ones are parts as well."""
        return sorted({folder[0] for folder in self._folders if folder})

    def part(self, name: str) -> np.ndarray | None:
        """Images under a sub-folder."""
        wanted = tuple(name.strip("/").split("/"))
        found = [index for index, folder in enumerate(self._folders) if folder[: len(wanted)] == wanted]
        return np.array(found, np.int64) if found else None

    def check(self, index: int) -> None:
        """Looks at header and end of one file, without decoding."""
        check_file(self._root / self._names[index])

    def fingerprint(self) -> str:
        """sha256 of all names and file sizes and of the bytes of up to 64 files, evenly chosen.

        The folder's own place and the files' dates do not count, so a copied dataset keeps its fingerprint.
        """
        digest = hashlib.sha256()
        for name in self._names:
            digest.update(f"{name}\0{_size(self._root / name)}\n".encode("utf-8", "surrogateescape"))
        for index in np.unique(np.linspace(0, len(self) - 1, _SAMPLED_FILES).astype(int)):
            with contextlib.suppress(OSError):  # a file that cannot be read is `check`'s to report
                digest.update((self._root / self._names[index]).read_bytes())
        return digest.hexdigest()


def _size(path: pathlib.Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def own_splits(tops: set[str]) -> dict[str, str]:
    """Split → the part whose name says that it is for it; empty where none is for training."""
    found = {}
    for split, words in SPLIT_FOLDERS.items():
        present = [top for word in words for top in sorted(tops) if top.lower() == word]
        if present:
            found[split] = present[0]
    # A division needs something to train on; a lone class called "test" is a class.
    return found if "train" in found else {}


def _image_files(root: pathlib.Path) -> tuple[list[str], int]:
    """Paths of images inside `root`, with forward slashes, sorted; and how many other files there are."""
    names: list[str] = []
    others = 0
    visited = set()
    waiting = [(str(root), "")]
    while waiting:
        folder, inside = waiting.pop()
        identity = os.path.realpath(folder)
        if identity in visited:  # a link to a folder above would never end
            continue
        visited.add(identity)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith((".", "__MACOSX")):
                    continue
                if entry.is_dir():
                    waiting.append((entry.path, f"{inside}{entry.name}/"))
                elif entry.name.lower().endswith(SUFFIXES):
                    names.append(f"{inside}{entry.name}")
                else:
                    others += 1
    return sorted(names), others
