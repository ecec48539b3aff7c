"""DatasetBuilder: spec → tf.data splits."""

from collections.abc import Sequence

from builders.image_data import Progress, open_data, shape_of
from builders.image_store import MEMORY_SHARE, free_memory, thread_count
from builders.sources import open_source
from builders.spec.types import Spec
from builders.split import Split, Splits

__all__ = ["DatasetBuilder", "Split", "Splits", "image_shape"]


class DatasetBuilder:
    """Builds the splits that a spec describes.

    Args:
        spec: The spec; its `dataset` and `seed` count.
        progress: Called with (images checked, images to check) while image files are checked.
        threads: Threads that decode. Unset: one for each processor. The data do not depend on it.
    """

    def __init__(self, spec: Spec, progress: Progress | None = None, threads: int | None = None):
        self._spec = spec
        self._progress = progress
        self._threads = threads or thread_count()

    def build(self, only: Sequence[str] | None = None) -> Splits:
        """Opens the source, divides it and checks the images, as `builders.image_data.open_data` does.

        Args:
            only: Splits to make, by name; the division stays the same. Unset: all.

        Raises:
            RequestError: Anything about the data that the user can fix.
        """
        data = open_data(self._spec, only, free_memory() * MEMORY_SHARE, self._threads, self._progress)
        return Splits(data, self._spec)


def image_shape(spec: Spec) -> tuple[int, int, int]:
    """(height, width, channels) of a spec's images. Opens the source only where `dataset.image.size` is unset."""
    image = spec.dataset.image
    if image.size is not None:
        height, width = (image.size, image.size) if isinstance(image.size, int) else image.size
        return height, width, image.channels
    return shape_of(open_source(spec.dataset.source), image)
