"""Tiny ImageNet, as unpacked from its archive."""

import hashlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from builders.image_files import is_image, is_left_out
from builders.sources.source import EncodedSource, source_path
from common.errors import RequestError
from common.files import read_regular
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.tiny_imagenet.path"
_LARGEST_TEXT = 64 << 20


@SOURCES.register("tiny_imagenet")
class TinyImagenet(EncodedSource):
    """Tiny ImageNet: 200 classes of 500 training and 50 validation images, 64×64, in the layout of its archive.

    Reads `train/ID/images/*.JPEG`, and `val/images` with the classes in `val/val_annotations.txt`. Parts: `train` and
    `val`; `val` is the default test split, because the archive's test images have no labels. Classes are named by
    their WordNet ids, such as n01443537.

    Args:
        path: The unpacked folder, tiny-imagenet-200.

    Example:
        tiny_imagenet: {path: data/tiny-imagenet-200}
    """

    own_splits = {"train": "train", "test": "val"}

    def __init__(self, path: str):
        self._root = source_path(path)
        if not (self._root / "train").is_dir() or not (self._root / "val" / "images").is_dir():
            what = "has not the folders train and val/images" if self._root.is_dir() else "no such folder"
            raise RequestError(
                f"{_WHERE}: {what}: '{printable(path)}'; unpack tiny-imagenet-200.zip and name the folder that it makes"
            )
        try:
            training, classes = _training_images(self._root / "train")
            held_out = _validation_images(self._root / "val", classes)
        except OSError as error:
            raise RequestError(
                f"{_WHERE}: cannot look into '{printable(str(error.filename))}': {error.strerror}"
            ) from None
        self._names = [name for name, _ in training + held_out]
        self._first_held_out = len(training)
        self.class_names = tuple(printable(name) for name in classes)
        numbers = {name: number for number, name in enumerate(classes)}
        self._labels = np.array([numbers[name] for _, name in training + held_out], np.int64)
        self._words = _words(self._root / "words.txt", set(classes))

    def __len__(self) -> int:
        return len(self._names)

    def file(self, index: int) -> str:
        """The path of an image."""
        return os.path.join(self._root, self._names[index])

    def name_of(self, index: int) -> str:
        """Path inside the folder and name of the class, such as `val/images/val_0.JPEG (goldfish)`."""
        word = self._words.get(self.class_names[self._labels[index]])
        return printable(f"{self._names[index]} ({word})" if word else self._names[index])

    def file_names(self) -> Sequence[str]:
        """Paths inside the folder."""
        return self._names

    def labels(self) -> np.ndarray:
        """Numbers of the class ids, sorted."""
        return self._labels

    def part_names(self) -> list[str]:
        """train and val."""
        return ["train", "val"]

    def part(self, name: str) -> np.ndarray | None:
        """The training or the validation images."""
        parts = {"train": (0, self._first_held_out), "val": (self._first_held_out, len(self))}
        return np.arange(*parts[name]) if name in parts else None

    def fingerprint(self) -> str:
        """sha256 of all names and labels and of the bytes of up to 64 files, evenly chosen."""
        digest = hashlib.sha256("\n".join(self._names).encode("utf-8", "surrogateescape") + self._labels.tobytes())
        digest.update(" ".join(self.class_names).encode())
        self.add_samples(digest)
        return digest.hexdigest()


def _images(folder: pathlib.Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if is_image(entry.name))


def _training_images(folder: pathlib.Path) -> tuple[list[tuple[str, str]], list[str]]:
    """(path inside the root, class) of the training images; the classes, sorted."""
    folders = (entry for entry in folder.iterdir() if not is_left_out(entry.name))
    classes = sorted(entry.name for entry in folders if (entry / "images").is_dir())
    images = [(f"train/{name}/images/{file}", name) for name in classes for file in _images(folder / name / "images")]
    if not images:
        raise RequestError(
            f"{_WHERE}: '{printable(folder)}' holds no image of the form ID/images/*.JPEG; unpack the archive again"
        )
    return images, classes


def _validation_images(folder: pathlib.Path, classes: list[str]) -> list[tuple[str, str]]:
    """(path inside the root, class) of the validation images, in the order of their names."""
    annotations = printable(folder / "val_annotations.txt")
    try:
        lines = _lines(folder / "val_annotations.txt")
    except OSError as error:
        raise RequestError(
            f"{_WHERE}: cannot read '{annotations}': {error.strerror}; unpack the archive again"
        ) from None
    known = set(classes)
    named = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        words = line.split("\t")
        if len(words) < 2 or words[1].strip() not in known:
            raise RequestError(
                f"{_WHERE}: {annotations}:{number}: expected an image and the id of a class in train, separated by a "
                f"tab, got '{printable(line[:60])}'"
            )
        named[words[0].strip()] = words[1].strip()
    images = _images(folder / "images")
    nameless = next((name for name in images if name not in named), None)
    if nameless is not None:
        raise RequestError(
            f"{_WHERE}: {annotations} gives no class for '{printable(nameless)}'; unpack the archive again"
        )
    return [(f"val/images/{name}", named[name]) for name in images]


def _lines(path: pathlib.Path) -> list[str]:
    """The lines of a text; invalid UTF-8 is decoded as in file names, so that names agree."""
    return read_regular(path, _LARGEST_TEXT).decode("utf-8", "surrogateescape").splitlines()


def _words(path: pathlib.Path, classes: set[str]) -> dict[str, str]:
    """Class id → the first of its names."""
    try:
        lines = _lines(path)
    except OSError:
        return {}  # names are optional
    pairs = (line.partition("\t") for line in lines)
    return {name: words.split(",")[0].strip() for name, _, words in pairs if name in classes}
