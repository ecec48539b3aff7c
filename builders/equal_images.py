"""Images that are equal: how they are found, and which belong together.

Two images are equal where all pixels are that a network would see, after fitting. To compare all with all would take
too long, so that a trace of 64 bits is compared first: of the fitted pixels where they are in memory anyway, of values
as they lie in an array, else of a file's size and end, which `Source.check` reads anyway. Only images with one trace
are compared pixel by pixel.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from builders.image_store import in_threads

_BLOCK_BYTES = 1 << 24
_MOST_BYTES = 4096  # of an image in an array; more would mean to read all of a file that is larger than the memory


def row_traces(images: np.ndarray, rows: np.ndarray, most: int = _MOST_BYTES) -> np.ndarray:
    """Traces of some of the images in an array.

    Args:
        images: [count, …], of any type.
        rows: int64 [n].
        most: Bytes of each that count; of larger images those in the middle.

    Returns:
        uint64 [n]. Equal images have equal ones; others nearly never.
    """
    found = np.empty(len(rows), np.uint64)
    size = int(np.prod(images.shape[1:])) * images.dtype.itemsize
    start = max(0, (size - most) // 2)
    words = -(-min(size, most) // 8)
    # Odd factors, so that no bit is lost: a sum of products is the quickest hash that NumPy can compute.
    factors = np.random.Generator(np.random.Philox(key=0)).integers(0, 2**64, words, np.uint64) | np.uint64(1)
    step = max(1, _BLOCK_BYTES // max(size, 1))
    # Where rows lie whole in memory, only what counts of them is copied.
    bytes_of = _bytes(images) if images.flags.c_contiguous else None
    for first in range(0, len(rows), step):
        some = rows[first : first + step]
        whole = _bytes(np.ascontiguousarray(images[some])) if bytes_of is None else bytes_of[:, start : start + most]
        block = whole[:, start : start + most] if bytes_of is None else whole[some]
        if block.shape[1] < words * 8:
            block = np.pad(block, ((0, 0), (0, words * 8 - block.shape[1])))
        values = np.ascontiguousarray(block).view(np.uint64)
        values = values ^ (values >> np.uint64(29))  # so that high bits count as well
        found[first : first + step] = values @ factors
    return found


def _bytes(images: np.ndarray) -> np.ndarray:
    """uint8 [count, bytes] of an array whose rows lie whole in memory."""
    return images.reshape(len(images), -1).view(np.uint8)


def equal_across(
    traces: Mapping[str, np.ndarray], pixels: Callable[[str, int], np.ndarray]
) -> list[tuple[tuple[str, int], ...]]:
    """Groups of equal images that lie in several splits.

    Args:
        traces: Split → uint64 [n], the trace of each of its images.
        pixels: (split, place in it) → an image's fitted pixels.

    Returns:
        Groups of (split, place), in the order of the splits.
    """
    names = list(traces)
    flat = np.concatenate([traces[name] for name in names]) if names else np.empty(0, np.uint64)
    splits = np.repeat(np.arange(len(names)), [len(traces[name]) for name in names])
    starts = np.cumsum([0, *(len(traces[name]) for name in names)])
    order = np.argsort(flat, kind="stable")
    _, first, counts = np.unique(flat[order], return_index=True, return_counts=True)
    groups = []
    for start, count in zip(first[counts > 1].tolist(), counts[counts > 1].tolist()):
        members = order[start : start + count]
        if splits[members[0]] == splits[members[-1]]:  # places ascend, and with them splits
            continue
        alike: dict[bytes, list[tuple[str, int]]] = {}
        for member in members.tolist():
            name = names[splits[member]]
            place = member - int(starts[splits[member]])
            alike.setdefault(_digest(pixels(name, place)), []).append((name, place))
        groups += [tuple(group) for group in alike.values() if len({name for name, _ in group}) > 1]
    return groups


def equal_groups(read: Callable[[int], np.ndarray | None], count: int, threads: int) -> np.ndarray:
    """Which images are equal to which.

    Args:
        read: Index → fitted pixels; None where an image cannot be read, which is then equal to no other.
        count: How many images there are.
        threads: Threads that read.

    Returns:
        int64 [count]: for each image the first that is equal to it.
    """
    groups = np.arange(count)
    first: dict[bytes, int] = {}

    def digest(index: int) -> bytes | None:
        pixels = read(index)
        return None if pixels is None else _digest(pixels)

    for index, known in enumerate(in_threads(digest, range(count), threads)):
        if known is not None:
            groups[index] = first.setdefault(known, index)
    return groups


def _digest(pixels: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()


def equal_remark(groups: Sequence[Sequence[tuple[str, int]]], name_of: Callable[[str, int], str]) -> str | None:
    """What to say of equal images in several splits; None where there are none."""
    if not groups:
        return None
    counts: dict[tuple[str, ...], int] = {}
    for group in groups:
        splits = tuple(dict.fromkeys(split for split, _ in group))
        counts[splits] = counts.get(splits, 0) + 1
    where = "; ".join(f"{count} in {', '.join(splits[:-1])} and {splits[-1]}" for splits, count in counts.items())
    examples = dict(reversed(groups[0]))
    shown = " and ".join(f"{name_of(split, examples[split])} ({split})" for split in list(examples)[:2])
    plural = "image is" if len(groups) == 1 else "images are"
    return (
        f"{len(groups)} {plural} in several splits ({where}), such as {shown}; dataset.duplicates: keep_together keeps "
        "equal images in one split"
    )
