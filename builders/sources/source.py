"""What every source of images answers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from builders.images import ValueRange
from builders.spec.types import Image


@dataclass(frozen=True)
class Values:
    """The values that images hold before they become 8 bits, and those that mean black and white."""

    lowest: float
    highest: float
    black: float
    white: float


class Source(ABC):
    """An indexed collection of images. Sources know NumPy and Pillow, and never TensorFlow.

    The constructor takes the source's arguments in a spec, and raises RequestError where they name something that is
    not there. Reading an index twice gives the same image: everything random in a source is drawn from its index.
    """

    can_fail: bool = False
    """Whether `read` may find an image damaged, so that images are checked before training."""

    size: tuple[int, int] | None = None
    """(height, width) in pixels that all images share; None where they differ."""

    class_names: tuple[str, ...] = ()
    """Names of the classes that labels number."""

    remarks: tuple[str, ...] = ()
    """What a user should know of the data before training, such as files that were left out: whole sentences."""

    value_range: ValueRange | None = None
    """The values that a spec gives for black and white; None where it leaves that to the images' type."""

    value_range_key: str | None = None
    """Path in the spec of the setting that says which values mean black and white, where there is one."""

    own_splits: Mapping[str, str] = {}
    """Split → the part that the source itself sets aside for it, by name."""

    binding_splits: bool = False
    """Whether the parts in `own_splits` must not be mixed: a split that names no part then takes from its own."""

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def read(self, index: int, image: Image, size: tuple[int, int]) -> np.ndarray:
        """One image, in the shape of the dataset. `builders.images.fit_image` brings any array to it.

        Args:
            index: Which, from 0.
            image: How images are fitted to the size; their channels.
            size: (height, width) in pixels of the result.

        Returns:
            uint8 [size[0], size[1], image.channels].

        Raises:
            BadImageError: The image is damaged or gone.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 hex of what the images are, wherever they lie."""

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> None:  # noqa: B027 - most need nothing
        """Does long work that is needed once, such as copying into a cache. Calls that come first do it as well.

        Args:
            progress: Called with (images done, images).

        Raises:
            RequestError: The data are damaged, or there is no room.
        """

    def name_of(self, index: int) -> str:
        """What messages and figures call an image."""
        return f"image {index}"

    def labels(self) -> np.ndarray:
        """int64 [count]: the class of each image, -1 where there is none."""
        return np.full(len(self), -1, np.int64)

    def part_names(self) -> list[str]:
        """Names that `split: {train: {from: NAME}}` may take."""
        return []

    def part(self, name: str) -> np.ndarray | None:
        """int64 [n]: the indices of a part, ascending; None where there is no such part."""
        return None

    def check(self, index: int) -> int | None:  # noqa: B027 - most sources have nothing to check
        """Looks for damage without decoding the image.

        Returns:
            A trace of 64 bits, where one costs nothing: images that are equal before they are fitted have equal ones.

        Raises:
            BadImageError: There is damage.
        """

    def traces(self, indices: np.ndarray) -> np.ndarray | None:
        """uint64 [n]: traces of images that lie in memory, as `check` gives them; None where they must be read."""
        return None

    def size_of(self, index: int) -> tuple[int, int] | None:
        """(height, width) in pixels of one image before it is fitted; None where it has none of its own.

        Raises:
            BadImageError: The image is damaged or gone.
        """
        return self.size

    def values_of(self, index: int, trimmed: bool = False) -> Values | None:
        """The values of one image before they become 8 bits; None where nobody could have mistaken them.

        Args:
            index: Which, from 0.
            trimmed: Whether single values at either end do not count; see `builders.images.value_ends`.

        Raises:
            BadImageError: The image is damaged or gone.
        """
        return None
