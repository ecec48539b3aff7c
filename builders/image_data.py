"""The images of a spec: opened, divided into splits, checked and described, without TensorFlow."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from builders.embeddings import Pairing, pair, refuse_bad
from builders.equal_images import equal_across, equal_groups, equal_remark, row_traces
from builders.image_store import ImageStore, in_threads
from builders.labels import open_labelled
from builders.pixel_values import BadImageError
from builders.sources import Source
from builders.spec.data_types import Image
from builders.spec.types import Spec
from builders.splits import divide
from builders.value_remarks import value_remarks
from common.errors import RequestError

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Part:
    """The images of one split.

    Attributes:
        indices: int64 [n], ascending indices into the source, unreadable images left out.
        rows: int64 [n], the row of each in the store.
        store: Decodes them.
    """

    indices: np.ndarray
    rows: np.ndarray
    store: ImageStore

    def pixels(self, positions: np.ndarray) -> np.ndarray:
        """uint8 [n, height, width, channels]: images by their positions in the split."""
        return self.store.gather(self.rows[positions])


@dataclass(frozen=True)
class ImageData:
    """The images of a spec.

    Attributes:
        source: Where they come from.
        shape: (height, width, channels) of every image.
        parts: Split → its images.
        fingerprint: sha256 hex of the source's images, the image settings and the division into splits.
        bad: Index into the source → name and error of an image that was left out: unreadable, or without an embedding.
        drawn_classes: Names of the classes that the spec chooses; empty if it chooses none.
        equal: Groups of (split, position) of equal images in several splits; None where finding them would require to
            read all images.
        remarks: Sentences about the data that a user should read before training.
        embeddings: The stored embeddings of the images, where the spec's encoder has them.
    """

    source: Source
    shape: tuple[int, int, int]
    parts: Mapping[str, Part]
    fingerprint: str
    bad: Mapping[int, str]
    drawn_classes: tuple[str, ...]
    equal: Sequence[tuple[tuple[str, int], ...]] | None
    remarks: tuple[str, ...]
    embeddings: Pairing | None = None

    @property
    def bad_images(self) -> list[str]:
        """Names of images that were left out."""
        return [self.source.name_of(index) for index in sorted(self.bad)]


def open_data(
    spec: Spec, only: Sequence[str] | None, memory: float, threads: int, progress: Progress | None = None
) -> ImageData:
    """Opens a spec's source, divides it and checks the images.

    Images that fit in memory are decoded and kept, which finds all damage and makes the first epoch faster. Others are
    checked without decoding.

    Args:
        spec: The spec; only `dataset`, `seed` and `encoder.embeddings` are used.
        only: Names of splits to open; the division stays the same. None: all.
        memory: Bytes that decoded images may use.
        threads: Threads that decode. The data do not depend on it.
        progress: Called with (images checked, images to check) while image files are checked.

    Raises:
        RequestError: Anything about the data that the user can fix.
    """
    dataset = spec.dataset
    source = open_labelled(dataset)
    source.prepare(progress)
    if dataset.balance and not source.class_names:
        raise RequestError(
            "dataset.balance: this source has no labels; leave the key out, use class folders, or set dataset.labels"
        )
    shape = shape_of(source, dataset.image)
    together = _equal(source, dataset.image, shape, threads) if dataset.duplicates == "keep_together" else None
    division = divide(source, dataset, spec.seed, together)
    indices = {name: found for name, found in division.indices.items() if only is None or name in only}
    stores = _stores(source, indices, dataset.image, shape, memory, threads)
    pairing = None if spec.encoder.embeddings is None else pair(spec.encoder.embeddings, source)
    unpaired = _unpaired(pairing, indices, dataset.on_bad_image == "skip")
    bad, traces = _check(source, indices, stores, threads, progress)
    if bad and dataset.on_bad_image == "error":
        raise RequestError(_bad_images_line(source, bad))
    bad = unpaired | bad
    parts = {}
    for name, members in indices.items():
        rows = np.flatnonzero([index not in bad for index in members.tolist()])
        if not len(rows):
            none = f"none of its {len(members)} images can" if len(members) > 1 else "its only image cannot"
            raise RequestError(f"dataset.split.{name}: {none} be {'used' if unpaired else 'read'}")
        parts[name] = Part(members[rows], rows, stores[name])
    equal = _equal_across(source, parts, traces)
    images = {name: (part.indices, part.pixels) for name, part in parts.items()}
    remarks = [*source.remarks, *division.remarks, *_ignored_shares(source, indices.get("train"))]
    remarks += value_remarks(source, images)
    if remark := equal_remark(equal or (), lambda name, position: source.name_of(int(parts[name].indices[position]))):
        remarks.append(remark)
    if pairing is not None:
        remarks += pairing.remarks
    fingerprint = _fingerprint(source, dataset.image, shape, division.indices)
    return ImageData(source, shape, parts, fingerprint, bad, division.classes, equal, tuple(remarks), pairing)


def _unpaired(pairing: Pairing | None, indices: Mapping[str, np.ndarray], skip: bool) -> dict[int, str]:
    """Index → name and reason of an image of a split that has no usable embedding."""
    if pairing is None or not pairing.bad:
        return {}
    used = np.concatenate([*indices.values()]).tolist()
    found = {index: pairing.bad[index] for index in used if index in pairing.bad}
    if not skip:
        refuse_bad(found, len(used), pairing)
    return {index: f"{pairing.name_of(index)}: {reason}" for index, reason in found.items()}


def _ignored_shares(source: Source, train: np.ndarray | None) -> Iterator[str]:
    """A remark on weights of groups without an image that trains."""
    shares = source.shares()
    if shares is None or train is None:
        return
    groups, weights = shares
    absent = sorted(set(range(len(weights))) - set(np.unique(groups[train]).tolist()))
    if absent:
        numbers = ", ".join(map(str, absent))
        yield f"no training image is of source {numbers} of the mixture, so its weight has no effect"


def shape_of(source: Source, image: Image) -> tuple[int, int, int]:
    """(height, width, channels) of the images of a dataset.

    Raises:
        RequestError: Neither the spec nor the source has a size.
    """
    size = image.size if image.size is not None else source.size
    if size is None:
        raise RequestError("dataset.image.size: the source's images differ in size; set one, such as `size: 224`")
    height, width = (size, size) if isinstance(size, int) else size
    return height, width, image.channels


def _stores(
    source: Source,
    indices: Mapping[str, np.ndarray],
    image: Image,
    shape: tuple[int, int, int],
    memory: float,
    threads: int,
) -> dict[str, ImageStore]:
    stores = {}
    for name, members in indices.items():
        size = len(members) * int(np.prod(shape))
        keep = size <= memory
        memory -= size if keep else 0
        read = partial(_read_row, source, members, image, shape)
        stores[name] = ImageStore(read, len(members), shape, keep, threads)
    return stores


def _check(
    source: Source,
    indices: Mapping[str, np.ndarray],
    stores: Mapping[str, ImageStore],
    threads: int,
    progress: Progress | None,
) -> tuple[dict[int, str], dict[int, int]]:
    """Index → error of a damaged image, and index → trace of an image that was not decoded."""
    if not source.can_fail:
        return {}, {}
    work = [(name, row) for name, store in stores.items() for row in range(store.count)]
    all_kept = all(store.keeps for store in stores.values())
    bad, traces = {}, {}

    def examine(item: tuple[str, int]) -> tuple[int, int | None, str]:
        name, row = item
        index = int(indices[name][row])
        try:
            if stores[name].keeps:
                stores[name].keep(row)
                if all_kept:
                    return index, None, ""
            return index, source.check(index), ""
        except (BadImageError, UnreadableError) as error:
            return index, None, getattr(error, "reason", str(error))

    for done, (index, trace, reason) in enumerate(in_threads(examine, work, threads), start=1):
        if reason:
            bad[index] = f"{source.name_of(index)}: {reason}"
        elif trace is not None:
            traces[index] = trace
        if progress:
            progress(done, len(work))
    return bad, traces


class UnreadableError(RequestError):
    """An image that cannot be read, with its name."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"dataset.source: unreadable image '{name}': {reason}; repair or remove it")
        self.reason = reason


def _read_row(source: Source, indices: np.ndarray, image: Image, shape: tuple[int, int, int], row: int) -> np.ndarray:
    index = int(indices[row])
    try:
        return source.read(index, image, shape[:2])
    except BadImageError as error:
        raise UnreadableError(source.name_of(index), str(error)) from None


def _bad_images_line(source: Source, bad: Mapping[int, str]) -> str:
    reasons: dict[str, list[str]] = {}
    for index in sorted(bad)[:5]:
        name = source.name_of(index)
        reasons.setdefault(bad[index].removeprefix(f"{name}: "), []).append(name)
    shown = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
    plural = "image" if len(bad) == 1 else "images"
    return (
        f"dataset.source: {len(bad)} unreadable {plural}: {shown}{more}; "
        "repair or remove them, or set dataset.on_bad_image: skip"
    )


def _equal(source: Source, image: Image, shape: tuple[int, int, int], threads: int) -> np.ndarray:
    """int64 [count]: for each image of the source the first that is equal to it."""

    def read(index: int) -> np.ndarray | None:
        try:
            return source.read(index, image, shape[:2])
        except BadImageError:
            return None

    return equal_groups(read, len(source), threads)


def _equal_across(
    source: Source, parts: Mapping[str, Part], traces: Mapping[int, int]
) -> list[tuple[tuple[str, int], ...]] | None:
    """Groups of equal images in several splits; None where their traces are unknown."""
    known = {}
    for name, part in parts.items():
        found = _traces(source, part, traces)
        if found is None:
            return None
        known[name] = found
    return equal_across(known, lambda name, position: parts[name].pixels(np.array([position])))


def _traces(source: Source, part: Part, traces: Mapping[int, int]) -> np.ndarray | None:
    if (found := source.traces(part.indices)) is not None:
        return found
    if traces:
        return np.array([traces.get(index, index) for index in part.indices.tolist()], np.uint64)
    kept = part.store.kept(part.rows) if source.can_fail else None
    return None if kept is None else row_traces(kept, part.rows)


def _fingerprint(source: Source, image: Image, shape: tuple[int, int, int], indices: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(f"{source.fingerprint()} {shape} {image.fit} {image.margin}".encode())
    for name, members in indices.items():
        digest.update(name.encode() + members.astype("<i8").tobytes())
    return digest.hexdigest()
