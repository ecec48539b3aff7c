"""The files of CIFAR-10 and CIFAR-100 as published: Python pickles or binary records, in a folder or a tar.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. An image is 3,072 bytes: all red values, all
green, all blue, each from the upper left corner by rows.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from architectures.weights.pickle_reader import Call, PickleError, read_pickle
from builders.archives.index_file import Arrays, names_array
from builders.archives.members import DamagedArchiveError, inside
from builders.archives.tar_headers import headers
from common.files import open_regular
from common.formatting import printable

BYTES = 3072
_LARGEST_FILE = 1 << 28
_LARGEST_TEXT = 1 << 16
# CIFAR unpacks to 186 MB.
_LARGEST_TAR = 1 << 29
_CHUNK = 1 << 20
_MOST_STEPS = 2_000_000
_MOST_CLASSES = 1000


class Place(NamedTuple):
    """A file, or the part of a tar that is one: its path, where it begins, and its size in bytes."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Layout:
    """One of the published layouts.

    Attributes:
        title: The data set.
        folder: The folder that its archive unpacks to.
        train: Names of the files with training images.
        test: Name of the file with test images.
        names: Kind of label → the file with the names of its classes.
        binary: Whether files are records of labels and pixels; else pickles.
    """

    title: str
    folder: str
    train: Sequence[str]
    test: str
    names: Mapping[str, str]
    binary: bool

    @property
    def files(self) -> list[str]:
        """All files."""
        return list(dict.fromkeys([*self.train, self.test, *self.names.values()]))


_BATCHES = [f"data_batch_{number}" for number in range(1, 6)]
LAYOUTS = (
    Layout("CIFAR-10", "cifar-10-batches-py", _BATCHES, "test_batch", {"fine": "batches.meta"}, False),
    Layout("CIFAR-100", "cifar-100-python", ["train"], "test", {"coarse": "meta", "fine": "meta"}, False),
    Layout(
        "CIFAR-10",
        "cifar-10-batches-bin",
        [f"{name}.bin" for name in _BATCHES],
        "test_batch.bin",
        {"fine": "batches.meta.txt"},
        True,
    ),
    Layout(
        "CIFAR-100",
        "cifar-100-binary",
        ["train.bin"],
        "test.bin",
        {"coarse": "coarse_label_names.txt", "fine": "fine_label_names.txt"},
        True,
    ),
)
# How the pickles call the labels and the names of classes.
_LABELS = {"CIFAR-10": {"fine": "labels"}, "CIFAR-100": {"coarse": "coarse_labels", "fine": "fine_labels"}}
_NAMES = {
    "CIFAR-10": {"fine": "label_names"},
    "CIFAR-100": {"coarse": "coarse_label_names", "fine": "fine_label_names"},
}


def files_of_folder(folder: Path) -> dict[str, Place]:
    """The regular files directly in a folder."""
    with os.scandir(folder) as entries:
        files = [entry for entry in entries if entry.is_file()]
    return {entry.name: Place(Path(entry.path), 0, entry.stat().st_size) for entry in files}


def files_of_tar(path: Path) -> dict[str, Place]:
    """The regular files in a tar, by their own names without folders. Raises DamagedArchiveError."""
    with open_regular(path) as opened:
        members = [header for header in headers(opened) if header.is_file]
    named = [(inside(header.name) or "", header) for header in members]
    return {name.rpartition("/")[2]: Place(path, header.offset, header.size) for name, header in named}


def decompress(packed: Path, target: Path) -> None:
    """Unpacks a .tar.gz into a .tar. Raises DamagedArchiveError where it is damaged or too large for CIFAR."""
    done = 0
    try:
        with open_regular(packed) as file, gzip.open(file) as source, open(target, "wb") as output:
            while chunk := source.read(_CHUNK):
                done += output.write(chunk)
                if done > _LARGEST_TAR:
                    raise DamagedArchiveError(f"it unpacks to more than {_LARGEST_TAR >> 20} MB, and is no CIFAR")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedArchiveError(f"it is damaged ({' '.join(str(error).split())}); copy it again") from None


def layout_of(files: Mapping[str, Any]) -> Layout | None:
    """The layout that most of the files belong to; None where none has its training and test files."""
    return next((layout for layout in LAYOUTS if layout.test in files and layout.train[0] in files), None)


def index_of(layout: Layout, files: Mapping[str, Place]) -> Arrays:
    """Where the images are, and their labels.

    Args:
        layout: Of the files.
        files: Name → file.

    Returns:
        `table`, int64 [images, 2]: number in `layout.files`, and offset in bytes; for each kind of label int64
        [images] and `KIND_names`; `names` of the images, empty without; `train`, int64 [1]: training images.

    Raises:
        DamagedArchiveError: A file is damaged, or another one.
    """
    found: dict[str, np.ndarray] = {}
    for kind, name in layout.names.items():
        with _naming(name):
            names = _class_names(files[name], None if layout.binary else _NAMES[layout.title][kind])
            found[f"{kind}_names"] = names_array(names)
    rows, labels, images = [], {kind: [] for kind in layout.names}, []  # type: ignore[var-annotated]
    for name in [*layout.train, layout.test]:
        with _naming(name):
            read = _records if layout.binary else _pickled
            offsets, numbers, names = read(files[name], layout)
        rows.append(np.stack([np.full(len(offsets), layout.files.index(name)), offsets], axis=1).astype(np.int64))
        images += names
        for kind, values in numbers.items():
            labels[kind].append(values)
    table = np.concatenate(rows)
    found |= {kind: np.concatenate(values) for kind, values in labels.items()}
    found["table"] = table
    found["names"] = names_array(images if len(images) == len(table) else [])
    found["train"] = np.array([len(table) - len(rows[-1])], np.int64)
    return found


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Adds a file's name to errors."""
    try:
        yield
    except DamagedArchiveError as error:
        raise DamagedArchiveError(f"'{name}' {error}") from None
    except OSError as error:
        raise DamagedArchiveError(f"'{name}' cannot be read: {error.strerror or error}") from None


def _content(place: Place, limit: int) -> bytes:
    if place.size > limit:
        raise DamagedArchiveError(f"has {place.size:,} bytes, more than CIFAR's")
    with open_regular(place.path) as file:
        content = os.pread(file.fileno(), place.size, place.offset)
    if len(content) < place.size:
        raise DamagedArchiveError("is cut short; unpack the archive again")
    return content


def _class_names(place: Place, key: str | None) -> list[str]:
    """The names of classes, from a pickle or a text with one in each line."""
    content = _content(place, _LARGEST_TEXT)
    if key is None:
        names = [line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    else:
        names = [_text(name) for name in _list(_unpickled(content), key)]
    if not 0 < len(names) <= _MOST_CLASSES:
        raise DamagedArchiveError(f"has {len(names)} names of classes")
    return [name.replace("\0", " ") for name in names]


def _records(place: Place, layout: Layout) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
    """Binary records: a byte for each kind of label, coarse first, and the pixels."""
    kinds = list(layout.names)
    size = len(kinds) + BYTES
    if not place.size or place.size % size:
        raise DamagedArchiveError(f"has {place.size:,} bytes, expected records of {size:,}; unpack the archive again")
    content = np.frombuffer(_content(place, _LARGEST_FILE), np.uint8).reshape(-1, size)
    offsets = place.offset + np.arange(len(content), dtype=np.int64) * size + len(kinds)
    return offsets, {kind: content[:, number].astype(np.int64) for number, kind in enumerate(kinds)}, []


def _pickled(place: Place, layout: Layout) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
    """A pickle with an array of pixels, whose bytes are found in the file."""
    content = _content(place, _LARGEST_FILE)
    batch = _unpickled(content)
    count, pixels = _array(batch.get("data", batch.get(b"data")))
    start = content.find(pixels)
    if start < 0:
        raise DamagedArchiveError("has its pixels in another form than published; unpack the archive again")
    offsets = place.offset + start + np.arange(count, dtype=np.int64) * BYTES
    labels = {}
    for kind, key in _LABELS[layout.title].items():
        values = _list(batch, key)
        if len(values) != count or not all(type(value) is int and 0 <= value < _MOST_CLASSES for value in values):
            raise DamagedArchiveError(f"has no class for each of its {count} images under '{key}'")
        labels[kind] = np.array(values, np.int64)
    names = batch.get("filenames", batch.get(b"filenames"))
    known = isinstance(names, list) and len(names) == count and all(isinstance(name, str | bytes) for name in names)
    return offsets, labels, [_text(name).replace("\0", " ") for name in names] if known else []


def _unpickled(content: bytes) -> dict:
    try:
        batch = read_pickle(io.BytesIO(content), most_steps=_MOST_STEPS)
    except PickleError as error:
        raise DamagedArchiveError(f"is damaged: {error}; unpack the archive again") from None
    if not isinstance(batch, dict):
        raise DamagedArchiveError("is no batch of CIFAR: no dictionary; unpack the archive again")
    return batch


def _list(batch: dict, key: str) -> list:
    values = batch.get(key, batch.get(key.encode()))
    if not isinstance(values, list):
        raise DamagedArchiveError(f"has no list '{key}'; unpack the archive again")
    return values


def _array(found: Any) -> tuple[int, bytes]:
    """(images, their bytes) of a pickled array of uint8, of which nothing is called."""
    shape = kind = pixels = None
    if isinstance(found, Call) and found.function.name == "_reconstruct" and isinstance(found.state, tuple):
        if len(found.state) == 5 and found.state[3] is False:
            _, shape, kind, _, pixels = found.state
    elif isinstance(found, Call) and found.function.name == "_frombuffer" and len(found.arguments) == 4:
        pixels, kind, shape, order = found.arguments
        shape = None if order != "C" else shape
    raw = pixels.encode("latin-1", "replace") if isinstance(pixels, str) else pixels
    bytewise = isinstance(kind, Call) and kind.arguments[:1] in (("u1",), ("|u1",))
    if not bytewise or not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(raw, bytes | bytearray):
        raise DamagedArchiveError("has no array 'data' of bytes; unpack the archive again")
    if shape[1] != BYTES or type(shape[0]) is not int or shape[0] < 1 or len(raw) != shape[0] * BYTES:
        raise DamagedArchiveError(f"has {len(raw):,} bytes of pixels, expected rows of {BYTES:,}")
    return shape[0], bytes(raw)


def _text(name: Any) -> str:
    if isinstance(name, bytes):
        return name.decode("utf-8", "surrogateescape")
    if not isinstance(name, str):
        raise DamagedArchiveError("has a name that is no text; unpack the archive again")
    return printable(name)
