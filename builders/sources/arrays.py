"""Images from array files."""

import hashlib

import numpy as np

from builders.equal_images import row_traces
from builders.images import fit_image
from builders.pixel_values import to_uint8, usual_range, value_ends
from builders.sources.array_file import read_array
from builders.sources.source import Source, Values, checked_range
from builders.spec.data_types import Image
from common.errors import RequestError
from common.formatting import printable
from common.registry import SOURCES

_SAMPLED_ROWS = 256
_MOST_CLASSES = 1_000_000
_TALL = 16
_FAR_LARGEST = 4
_HIGHEST_LETTER = 0x10FFFF


@SOURCES.register("arrays")
class Arrays(Source):
    """Images from .npy, .npz or IDX files (MNIST's format; gzipped or not), with labels where there are some.

    Images are [count, height, width] or [count, height, width, 1 or 3]. Values are 0 to 255 in integers, 0 to 65535 in
    uint16 and 0 to 1 in floating point, unless `value_range` says otherwise; they are rounded to 8 bits. Parts:
    `train`, and `validation` and `test` where images for them are given.

    Args:
        images: The file of the (training) images.
        labels: The file of their labels, whole numbers from 0 or words.
        test_images: The file of the test images.
        test_labels: The file of their labels.
        images_key: Name of the images in a .npz file. Unset: its only array.
        labels_key: Name of the labels; without `labels`, in the file of the images.
        test_images_key: Name of the test images; without `test_images`, in the file of the images.
        test_labels_key: Name of the test labels; without `test_labels`, in the file of the test images.
        value_range: The values of black and white, such as [-1, 1] or [0, 4095]. Values outside are clipped.
        validation_images: The file of the validation images.
        validation_labels: The file of their labels.
        validation_images_key: Name of the validation images; without `validation_images`, in the file of the images.
        validation_labels_key: Name of the validation labels; without `validation_labels`, in the file of the
            validation images.

    Example:
        arrays: {images: data/train-images-idx3-ubyte.gz, labels: data/train-labels-idx1-ubyte.gz}
    """

    value_range_key = "dataset.source.arrays.value_range"

    def __init__(
        self,
        images: str,
        labels: str | None = None,
        test_images: str | None = None,
        test_labels: str | None = None,
        images_key: str | None = None,
        labels_key: str | None = None,
        test_images_key: str | None = None,
        test_labels_key: str | None = None,
        value_range: tuple[float, float] | None = None,
        validation_images: str | None = None,
        validation_labels: str | None = None,
        validation_images_key: str | None = None,
        validation_labels_key: str | None = None,
    ):
        self._given_range = value_range
        self.value_range = checked_range(self.value_range_key, value_range)
        # Part → (prefix of its arguments, images, their key, labels, their key).
        given = {
            "train": ("", images, images_key, labels, labels_key),
            "validation": (
                *("validation_", validation_images, validation_images_key),
                *(validation_labels, validation_labels_key),
            ),
            "test": ("test_", test_images, test_images_key, test_labels, test_labels_key),
        }
        self._blocks: list[np.ndarray] = []
        self._roles: list[str] = []
        parts, words, doubts = [], [], []
        for part, (prefix, file, key, labels_file, name) in given.items():
            if not (file or key):
                if labels_file or name:
                    raise RequestError(
                        f"dataset.source.arrays.{prefix}labels: given without {prefix}images; give both or neither"
                    )
                continue
            file = file or images
            block = _images(f"{prefix}images", file, key)
            words.append(_labels(f"{prefix}labels", labels_file or (file if name else None), name, len(block)))
            doubts.append(_doubt(printable(file), block.shape))
            self._blocks.append(block)
            self._roles.append(f"{prefix}images")
            parts.append(part)
        if len(parts) > 1:
            self.own_splits = {part: part for part in parts}
        self.remarks = tuple(said for said in doubts if said)
        self._starts = np.cumsum([0, *(len(block) for block in self._blocks)])
        self._labels, self.class_names = _number(words, [len(block) for block in self._blocks])
        sizes = {block.shape[1:3] for block in self._blocks}
        self.size = sizes.pop() if len(sizes) == 1 else None
        self.can_fail = any(block.dtype != np.uint8 for block in self._blocks) or value_range is not None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """One row as uint8, fitted; see `Source.read`."""
        return fit_image(to_uint8(self._row(index), self.value_range), image, size)

    def name_of(self, index: int) -> str:
        """The file's role and the row, such as `test_images[17]`."""
        block = self._block(index)
        return f"{self._roles[block]}[{index - self._starts[block]}]"

    def labels(self) -> np.ndarray:
        """The given labels; -1 where none are."""
        return self._labels

    def part_names(self) -> list[str]:
        """train, validation and test, where images for several are given."""
        return list(self.own_splits)

    def part(self, name: str) -> np.ndarray | None:
        """Rows of the images, of the validation images or of the test images."""
        if name not in self.own_splits:
            return None
        block = list(self.own_splits).index(name)
        return np.arange(self._starts[block], self._starts[block + 1])

    def check(self, index: int) -> int | None:
        """Looks for values that have no place between black and white."""
        to_uint8(self._row(index), self.value_range)
        return None

    def traces(self, indices: np.ndarray) -> np.ndarray:
        """Of the values as they are; of large images only of their middle."""
        found = np.empty(len(indices), np.uint64)
        for block, first in zip(self._blocks, self._starts):
            here = (indices >= first) & (indices < first + len(block))
            found[here] = row_traces(block, indices[here] - first)
        return found

    def size_of(self, index: int) -> tuple[int, int]:
        """Height and width of one image."""
        height, width = self._row(index).shape[:2]
        return height, width

    def values_of(self, index: int, trimmed: bool = False) -> Values:
        """The values in the file; see `Source.values_of`."""
        row = self._row(index)
        black, white = self.value_range or usual_range(row.dtype)
        return Values(*value_ends(row, trimmed), black, white)

    def fingerprint(self) -> str:
        """sha256 of shapes, types, labels, value range and up to 256 rows of each array, evenly chosen."""
        digest = hashlib.sha256(repr(self._given_range).encode() + self._labels.tobytes())
        for block in self._blocks:
            digest.update(f"{block.shape} {block.dtype.str}".encode())
            for row in np.unique(np.linspace(0, len(block) - 1, _SAMPLED_ROWS).astype(int)):
                digest.update(np.ascontiguousarray(block[row]).tobytes())
        return digest.hexdigest()

    def _block(self, index: int) -> int:
        return int(np.searchsorted(self._starts, index, "right")) - 1

    def _row(self, index: int) -> np.ndarray:
        block = self._block(index)
        row = self._blocks[block][index - self._starts[block]]
        return row[..., None] if row.ndim == 2 else row


def _images(argument: str, path: str, key: str | None) -> np.ndarray:
    where = f"dataset.source.arrays.{argument}"
    array = read_array(path, key, where)
    shape, path = "×".join(map(str, array.shape)), printable(path)
    if array.ndim == 3 and _is_one_image(array.shape):
        raise RequestError(
            f"{where}: '{path}' ({shape}) is one image with {array.shape[2]} channels, expected [count, height, width] "
            "or [count, height, width, 1 or 3]; save it as array[None], or put files into a folder"
        )
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        raise RequestError(f"{where}: channels stand first in '{path}' ({shape}); save it as transpose(0, 2, 3, 1)")
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)) or 0 in array.shape[1:]:
        raise RequestError(
            f"{where}: expected [count, height, width] or [count, height, width, 1 or 3], got {shape} in '{path}'"
        )
    if array.dtype.kind not in "buif":
        raise RequestError(f"{where}: expected numbers, got {array.dtype} in '{path}'")
    if not len(array):
        raise RequestError(f"{where}: '{path}' holds no image ({shape})")
    return array


def _is_one_image(shape: tuple[int, ...]) -> bool:
    """Whether the last axis must be channels: no images are three pixels wide, nor others so narrow and so tall."""
    return shape[2] == 3 or (shape[2] in (1, 4) and shape[1] >= _TALL)


def _doubt(path: str, shape: tuple[int, ...]) -> str | None:
    """A remark on axes that may have another meaning."""
    count, height, width, *channels = shape
    read = f"'{path}' ({'×'.join(map(str, shape))}) is read as {count} image{'s' * (count != 1)} of {height}×{width}"
    if width >= _FAR_LARGEST * max(count, height):
        order = "2, 0, 1, 3" if channels else "2, 0, 1"
        return f"{read} pixels; if the last axis counts images, save it as transpose({order})"
    if not channels and count in (1, 3, 4) and min(height, width) >= _TALL:
        return f"{read} pixels; if it is one image whose channels stand first, save it as transpose(1, 2, 0)[None]"
    return None


def _labels(argument: str, path: str | None, key: str | None, count: int) -> np.ndarray | None:
    if path is None:
        return None
    where = f"dataset.source.arrays.{argument}"
    labels, path = read_array(path, key, where), printable(path)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim == 2 and len(labels) == count:
        raise RequestError(
            f"{where}: {labels.shape[1]} labels for each image in '{path}', expected one; save one column of them"
        )
    if labels.ndim != 1 or len(labels) != count:
        raise RequestError(
            f"{where}: expected one label for each of {count} image{'s' * (count != 1)}, got shape "
            f"{list(labels.shape)} in '{path}'"
        )
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "backslashreplace")
    if labels.dtype.kind == "U":
        if labels.nbytes and np.ascontiguousarray(labels).view(np.uint32).max() > _HIGHEST_LETTER:
            raise RequestError(f"{where}: the words in '{path}' are damaged; save them again")
        return labels
    if labels.dtype.kind == "f":  # what no whole number can be is as wrong as a negative one
        labels = np.where(np.abs(labels) < 2**53, labels, -1)
    whole = labels.astype(np.int64)
    if (whole != labels).any() or (whole < 0).any():
        raise RequestError(f"{where}: expected whole numbers from 0, or words, in '{path}'")
    if whole.max() >= _MOST_CLASSES:
        raise RequestError(f"{where}: expected class numbers below {_MOST_CLASSES}, got {whole.max()} in '{path}'")
    return whole


def _number(labels: list[np.ndarray | None], counts: list[int]) -> tuple[np.ndarray, tuple[str, ...]]:
    """int64 [all images] and the class names; numbers stay as they are, words are numbered in sorted order."""
    given = [block for block in labels if block is not None]
    if not given:
        return np.full(sum(counts), -1, np.int64), ()
    if any(block.dtype.kind == "U" for block in given):
        words = sorted({str(word) for block in given for word in block})
        places = {word: place for place, word in enumerate(words)}
        names = tuple(printable(word) for word in words)
        labels = [
            None if block is None else np.array([places[str(word)] for word in block], np.int64) for block in labels
        ]
    else:
        names = tuple(str(number) for number in range(1 + max(int(block.max()) for block in given)))
    filled = [np.full(count, -1, np.int64) if block is None else block for block, count in zip(labels, counts)]
    return np.concatenate(filled), names
