"""CIFAR-10 and CIFAR-100, as published."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from builders.archives.cifar_files import (
    BYTES,
    LAYOUTS,
    Layout,
    Place,
    decompress,
    files_of_folder,
    files_of_tar,
    index_of,
    layout_of,
)
from builders.archives.index_file import Names, cached_copy, cached_index, key_of
from builders.archives.members import DamagedArchiveError
from builders.archives.pieces import Pieces
from builders.images import fit_image
from builders.sources.class_labels import numbered
from builders.sources.source import Source, relative_to, source_path
from builders.spec.data_types import Image
from common.errors import RequestError
from common.formatting import printable
from common.registry import SOURCES

_WHERE = "dataset.source.cifar"
_SAMPLES = 64


@SOURCES.register("cifar")
class Cifar(Source):
    """CIFAR-10 or CIFAR-100 in its published files, read in place: 60,000 colour images of 32×32.

    Knows the Python and the binary version, unpacked or as the archive (.tar.gz is unpacked once into .cache/sources).
    Pickles are read as data, and nothing in them is called. Parts: `train` and `test`, the default splits.

    Args:
        path: The folder, such as cifar-10-batches-py, or the archive.
        labels: For CIFAR-100, whether its 100 classes are used or the 20 that they belong to.

    Example:
        cifar: {path: data/cifar-10-batches-py}
    """

    own_splits = {"train": "train", "test": "test"}
    size = (32, 32)

    def __init__(self, path: str, labels: Literal["fine", "coarse"] = "fine"):
        layout, files = _open(path)
        if labels not in layout.names:
            raise RequestError(f"{_WHERE}.labels: {layout.title} has no coarse classes; leave labels out")
        paths = [files[name].path for name in layout.files]
        key = key_of(layout.files, paths, [files[name][1:] for name in layout.files])
        try:
            index = cached_index("cifar", key, lambda: index_of(layout, files))
        except DamagedArchiveError as error:
            raise RequestError(f"{_WHERE}.path: '{printable(path)}': {error}") from None
        self._places = index["table"]
        self._training = int(index["train"][0])
        self._names = Names(index["names"]) if len(index["names"]) else None
        numbers, classes = index[labels], Names(index[f"{labels}_names"])
        words = [str(number) for number in range(int(numbers.max()) + 1)]
        self._labels, self.class_names = numbered(words, numbers, classes, f"{_WHERE}.path")
        self._pieces = Pieces(paths)

    def __len__(self) -> int:
        return len(self._places)

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """One image, fitted; see `Source.read`."""
        planes = np.frombuffer(self._pixels(index), np.uint8).reshape(3, *self.size)
        return fit_image(planes.transpose(1, 2, 0), image, size)

    def check(self, index: int) -> int:
        """Reads the pixels."""
        return _trace(self._pixels(index))

    def traces(self, indices: np.ndarray) -> np.ndarray:
        """Of all pixels."""
        return np.array([_trace(self._pixels(index)) for index in indices.tolist()], np.uint64)

    def name_of(self, index: int) -> str:
        """The part, the place in it, and the name of the image where the files have it."""
        place = f"train {index}" if index < self._training else f"test {index - self._training}"
        return printable(f"{place} ({self._names[index]})" if self._names else place)

    def file_names(self) -> Sequence[str] | None:
        """The names in the Python version; the binary one has none."""
        return self._names

    def labels(self) -> np.ndarray:
        """The fine or coarse classes."""
        return self._labels

    def part_names(self) -> list[str]:
        """train and test."""
        return list(self.own_splits)

    def part(self, name: str) -> np.ndarray | None:
        """The training or the test images."""
        parts = {"train": (0, self._training), "test": (self._training, len(self))}
        return np.arange(*parts[name]) if name in parts else None

    def fingerprint(self) -> str:
        """sha256 of all labels and the pixels of 64 images; the same for the Python and the binary version."""
        digest = hashlib.sha256(f"{self._training} {self.class_names}".encode() + self._labels.tobytes())
        for index in np.unique(np.linspace(0, len(self) - 1, _SAMPLES).astype(int)):
            digest.update(self._pixels(int(index)))
        return digest.hexdigest()

    def _pixels(self, index: int) -> bytes:
        number, offset = self._places[index].tolist()
        return self._pieces.read_whole(number, offset, BYTES)


def _trace(pixels: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(pixels, digest_size=8).digest(), "little")


def _open(path: str) -> tuple[Layout, dict[str, Place]]:
    """The layout and the files of what a user named."""
    place, shown, where = source_path(path), printable(path), f"{_WHERE}.path"
    if not place.is_dir() and not place.is_file():
        problem = "no regular file" if place.exists() else "no such file or folder"
        raise RequestError(f"{where}: {problem}: '{shown}'; {relative_to()}")
    try:
        files = _files(place)
        layout = layout_of(files)
        if layout is None and place.is_dir():
            known = [place / layout.folder for layout in LAYOUTS if (place / layout.folder).is_dir()]
            if len(known) > 1:
                names = ", ".join(folder.name for folder in known)
                raise RequestError(f"{where}: '{shown}' holds several data sets, name one of: {names}")
            files = _files(known[0]) if known else files
            layout = layout_of(files)
    except (DamagedArchiveError, OSError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise RequestError(f"{where}: cannot read '{shown}': {reason}") from None
    if layout is None:
        raise RequestError(
            f"{where}: '{shown}' holds no files of CIFAR such as data_batch_1 and test_batch, or train and test; name "
            "the folder that the archive unpacks to, or the archive"
        )
    missing = [name for name in layout.files if name not in files]
    if missing:
        raise RequestError(f"{where}: '{shown}' lacks {', '.join(missing)} of {layout.title}; unpack the archive again")
    return layout, files


def _files(place: Path) -> dict[str, Place]:
    if place.is_dir():
        return files_of_folder(place)
    with open(place, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return files_of_tar(place)

    def unpack(target: Path) -> dict[str, np.ndarray]:
        decompress(place, target)
        return {}

    return files_of_tar(cached_copy("cifar", key_of([place.name], [place]), unpack)[0])
