"""DatasetBuilder: spec → tf.data splits."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from builders.errors import RequestError
from builders.image_store import MEMORY_SHARE, ImageStore, free_memory, thread_count
from builders.images import BadImageError
from builders.sources import Source, open_source
from builders.spec.types import Image, Spec
from builders.split import Split, Splits
from builders.splits import divide

__all__ = ["DatasetBuilder", "Split", "Splits", "image_shape"]

Progress = Callable[[int, int], None]

# Checks are handed to the threads in blocks: a future for each of a million files would fill the memory.
_BLOCK = 1024


class DatasetBuilder:
    """Builds the splits that a spec describes.

    Args:
        spec: The spec; its `dataset` and `seed` count.
        progress: Called with (images checked, images to check) while image files are checked.
        threads: Threads that decode. Unset: one for each processor. The data do not depend on it.
    """

    def __init__(self, spec: Spec, progress: Progress | None = None, threads: int | None = None):
        self._dataset = spec.dataset
        self._seed = spec.seed
        self._progress = progress
        self._threads = threads or thread_count()

    def build(self, only: Sequence[str] | None = None) -> Splits:
        """Opens the source, divides it and checks the images.

        Images that fit in memory (uint8, a quarter of what is free) are decoded now and kept, which finds all damage
        and saves the first epoch the work. Of others, files are examined without decoding.

        Args:
            only: Splits to make, by name; the division stays the same. Unset: all.

        Raises:
            RequestError: Anything about the data that the user can mend.
        """
        source = open_source(self._dataset.source)
        source.prepare(self._progress)
        if self._dataset.balance and not source.class_names:
            raise RequestError("dataset.balance: this source has no labels; leave the key out, or use class folders")
        shape = _shape(source, self._dataset.image)
        division = divide(source, self._dataset, self._seed)
        names = [name for name in division.indices if only is None or name in only]
        stores = self._stores(source, {name: division.indices[name] for name in names}, shape)
        bad = self._check(source, division.indices, stores)
        if bad and self._dataset.on_bad_image == "error":
            raise RequestError(_bad_images_line(bad))
        splits = {}
        for name in names:
            indices = division.indices[name]
            rows = np.flatnonzero([index not in bad for index in indices.tolist()])
            if not len(rows):
                raise RequestError(f"dataset.split.{name}: none of its {len(indices)} images can be read")
            splits[name] = Split(name, source, indices, stores[name], rows, self._dataset, self._seed)
        return Splits(
            splits,
            shape,
            _fingerprint(source, self._dataset.image, shape, division.indices),
            [source.name_of(index) for index in sorted(bad)],
            source.class_names,
            division.classes,
        )

    def _stores(
        self, source: Source, indices: Mapping[str, np.ndarray], shape: tuple[int, int, int]
    ) -> dict[str, ImageStore]:
        left = free_memory() * MEMORY_SHARE
        stores = {}
        for name, members in indices.items():
            size = len(members) * int(np.prod(shape))
            keep = size <= left
            left -= size if keep else 0
            read = partial(_read_row, source, members, self._dataset.image, shape)
            stores[name] = ImageStore(read, len(members), shape, keep, self._threads)
        return stores

    def _check(
        self, source: Source, indices: Mapping[str, np.ndarray], stores: Mapping[str, ImageStore]
    ) -> dict[int, str]:
        """Index → what is wrong with the image."""
        if not source.can_fail:
            return {}
        work = [(name, row) for name, store in stores.items() for row in range(store.count)]
        bad = {}

        def examine(item: tuple[str, int]) -> tuple[int, str] | None:
            name, row = item
            index = int(indices[name][row])
            try:
                if stores[name].keeps:
                    stores[name].keep(row)
                else:
                    source.check(index)
            except (BadImageError, _UnreadableError) as error:
                return index, getattr(error, "reason", str(error))
            return None

        with ThreadPoolExecutor(self._threads, thread_name_prefix="check") as threads:
            for start in range(0, len(work), _BLOCK):
                for done, found in enumerate(threads.map(examine, work[start : start + _BLOCK]), start=start + 1):
                    if found:
                        bad[found[0]] = f"{source.name_of(found[0])}: {found[1]}"
                    if self._progress:
                        self._progress(done, len(work))
        return bad


class _UnreadableError(RequestError):
    """An image that cannot be read, with its name."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"dataset.source: unreadable image '{name}': {reason}; mend or remove it")
        self.reason = reason


def _read_row(source: Source, indices: np.ndarray, image: Image, shape: tuple[int, int, int], row: int) -> np.ndarray:
    index = int(indices[row])
    try:
        return source.read(index, image, shape[:2])
    except BadImageError as error:
        raise _UnreadableError(source.name_of(index), str(error)) from None


def _bad_images_line(bad: Mapping[int, str]) -> str:
    shown = "; ".join(bad[index] for index in sorted(bad)[:5])
    more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
    plural = "image" if len(bad) == 1 else "images"
    return (
        f"dataset.source: {len(bad)} unreadable {plural}: {shown}{more}; "
        "mend or remove them, or set dataset.on_bad_image: skip"
    )


def image_shape(spec: Spec) -> tuple[int, int, int]:
    """(height, width, channels) of a spec's images. Opens the source only where `dataset.image.size` is unset."""
    image = spec.dataset.image
    if image.size is not None:
        return _with_channels(image.size, image.channels)
    return _shape(open_source(spec.dataset.source), image)


def _shape(source: Source, image: Image) -> tuple[int, int, int]:
    size = image.size if image.size is not None else source.size
    if size is None:
        raise RequestError("dataset.image.size: the source's images differ in size; set one, such as `size: 224`")
    return _with_channels(size, image.channels)


def _with_channels(size: int | tuple[int, int], channels: int) -> tuple[int, int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width, channels


def _fingerprint(source: Source, image: Image, shape: tuple[int, int, int], indices: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(f"{source.fingerprint()} {shape} {image.fit} {image.margin}".encode())
    for name, members in indices.items():
        digest.update(name.encode() + members.astype("<i8").tobytes())
    return digest.hexdigest()
