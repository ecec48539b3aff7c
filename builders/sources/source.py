"""The base of all sources of images, and what they share: encoded files, paths and ranges of values."""

import contextlib
import hashlib
import io
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from builders.images import file_size, file_values, open_fitted
from builders.picture_files import check_end, open_file, opened_image
from builders.pixel_values import BadImageError, ValueRange
from builders.spec.data_types import Image
from common.errors import RequestError
from common.formatting import printable

_TAIL_BYTES = 4096
_SAMPLED_FILES = 64


@dataclass(frozen=True)
class Values:
    """The range of values in images before they are converted to 8 bits, and the values of black and white."""

    lowest: float
    highest: float
    black: float
    white: float


class Source(ABC):
    """An indexed collection of images. Sources use NumPy and Pillow, and never TensorFlow.

    The constructor takes the source's arguments in a spec, and raises RequestError where they name something that does
    not exist. Reading an index twice gives the same image: random choices depend on the index.
    """

    can_fail: bool = False
    """Whether images may be damaged, so that they are checked before training."""

    size: tuple[int, int] | None = None
    """(height, width) in pixels of all images; None where they differ."""

    class_names: tuple[str, ...] = ()
    """Names of the classes that labels number."""

    remarks: tuple[str, ...] = ()
    """Sentences that a user should read before training, such as about files that were left out."""

    value_range: ValueRange | None = None
    """The values of black and white in the spec; None where they follow from the images' type."""

    value_range_key: str | None = None
    """Path in the spec of the setting for the values of black and white; None where there is none."""

    own_splits: Mapping[str, str] = {}
    """Split → name of the source's own part for it."""

    binding_splits: bool = False
    """Whether the parts in `own_splits` must not be mixed: a split without `from` then uses only its own part."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of images."""

    @abstractmethod
    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """One image, in the shape of the dataset; `builders.images.fit_image` fits any array.

        Args:
            index: From 0.
            image: How images are fitted to the size; their channels.
            size: (height, width) in pixels of the result.

        Returns:
            uint8 [size[0], size[1], image.channels].

        Raises:
            BadImageError: The image is damaged or missing.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 hex of the images, independent of their path."""

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> None:  # noqa: B027 - most need nothing
        """Does long work that is needed once, such as copying into a cache; other methods call it if needed.

        Args:
            progress: Called with (images done, images).

        Raises:
            RequestError: The data are damaged, or the disk is full.
        """

    def name_of(self, index: int) -> str:
        """The name of an image in messages and figures."""
        return f"image {index}"

    def file_names(self) -> Sequence[str] | None:
        """The file of each image, by its path inside the source with forward slashes; None where images have no files.

        Names are as they are stored, so show them through `printable`.
        """
        return None

    def labels(self) -> np.ndarray:
        """int64 [count]: the class of each image, -1 where there is none."""
        return np.full(len(self), -1, np.int64)

    def shares(self) -> tuple[np.ndarray, Sequence[float]] | None:
        """int64 [count], the group of each image, and the share of each group in training; None where all are equal."""
        return None

    def part_names(self) -> list[str]:
        """Names for `split: {train: {from: NAME}}`."""
        return []

    def part(self, name: str) -> np.ndarray | None:
        """int64 [n]: the indices of a part, ascending; None where there is no such part."""
        return None

    def check(self, index: int) -> int | None:  # noqa: B027 - most sources have nothing to check
        """Checks an image for damage without decoding it.

        Returns:
            A trace of 64 bits, equal for images that are equal before they are fitted; None where it would take time.

        Raises:
            BadImageError: The image is damaged.
        """

    def traces(self, indices: np.ndarray) -> np.ndarray | None:
        """uint64 [n]: traces of images in memory, as `check` returns them; None where they must be read."""
        return None

    def size_of(self, index: int) -> tuple[int, int] | None:
        """(height, width) in pixels of one image before it is fitted; None where it has no size of its own.

        Raises:
            BadImageError: The image is damaged or missing.
        """
        return self.size

    def values_of(self, index: int, trimmed: bool = False) -> Values | None:
        """The values of one image before conversion to 8 bits; None where their range is certain.

        Args:
            index: From 0.
            trimmed: Whether to ignore single values at either end; see `builders.images.value_ends`.

        Raises:
            BadImageError: The image is damaged or missing.
        """
        return None


class EncodedSource(Source):
    """A source whose images are files of pictures, on disk or in memory."""

    can_fail = True

    @abstractmethod
    def file(self, index: int) -> str | os.PathLike | bytes:
        """The path of an image's file, or its bytes."""

    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """Decodes and fits one image; see `Source.read`."""
        return open_fitted(self.file(index), image, size, self.value_range)

    def check(self, index: int) -> int | None:
        """Checks header and end of a file, without decoding."""
        return check_file(self.file(index))

    def size_of(self, index: int) -> tuple[int, int] | None:
        """Height and width from the header; see `Source.size_of`."""
        return file_size(self.file(index))

    def values_of(self, index: int, trimmed: bool = False) -> Values | None:
        """The values in the decoded file; see `Source.values_of`."""
        lowest, highest, white = file_values(self.file(index), trimmed, self.value_range is not None)
        return Values(lowest, highest, *(self.value_range or (0.0, float(white))))

    def add_samples(self, digest: Any) -> None:
        """Adds the bytes of up to 64 files, evenly chosen, to a fingerprint."""
        for index in np.unique(np.linspace(0, len(self) - 1, _SAMPLED_FILES).astype(int)):
            # `check` reports files that cannot be read.
            with contextlib.suppress(OSError, BadImageError), open_file(self.file(int(index))) as file:
                digest.update(file.read())


def check_file(source: str | os.PathLike | bytes) -> int:
    """Reads an image's header and the end of its file: finds other formats, damaged headers and files cut short.

    PNG checksums are compared. A JPEG's pixels are not decoded, so damage in its middle is not found.

    Args:
        source: Path of an image file, or its bytes.

    Returns:
        A trace of 64 bits, of the file's size and end, equal for equal files.

    Raises:
        BadImageError: The file is damaged.
    """
    with open_file(source) as file:
        size, tail = _end(file)
        with opened_image(file) as image:
            check_end(image, file, size, tail)
    digest = hashlib.blake2b(tail, digest_size=8, key=size.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")


def _end(file: io.BufferedIOBase) -> tuple[int, bytes]:
    """Size of a file, and its last bytes; does not move the file's position."""
    if isinstance(file, io.BytesIO):
        content = file.getbuffer()
        return len(content), bytes(content[-_TAIL_BYTES:])
    size = os.fstat(file.fileno()).st_size
    return size, os.pread(file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))


def source_path(path: str) -> Path:
    """The path, with `~` expanded; unlike pathlib's own expansion, unknown users are no error."""
    return Path(os.path.expanduser(path))


def relative_to() -> str:
    """The end of messages about missing paths: where they were searched, and how to fix it."""
    here = printable(os.path.abspath(os.curdir))
    return f"paths are relative to the working directory ({here}): change to its folder, or write the whole path"


def checked_range(where: str, value_range: Sequence[float] | None) -> ValueRange | None:
    """A `value_range` of a spec. Raises RequestError where it is not two numbers, the smaller first."""
    if value_range is None:
        return None
    if len(value_range) != 2 or not value_range[0] < value_range[1]:
        raise RequestError(f"{where}: expected [black, white], smaller first, got {list(value_range)}")
    try:
        black, white = float(value_range[0]), float(value_range[1])
    except OverflowError:  # an integer with hundreds of digits
        black, white = -math.inf, math.inf
    if not math.isfinite(white - black):
        raise RequestError(f"{where}: black and white are too far apart for numbers of 64 bits; choose closer ones")
    return black, white
