"""Finding equal images.

Two images are equal if all their pixels after fitting are. A trace of 64 bits is compared first, because comparing all
pairs would take too long: a trace of the fitted pixels if they are in memory, of the values in an array, or of a file's
size and end, which `Source.check` reads anyway. Only images with equal traces are compared pixel by pixel.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from builders.image_store import in_threads

_BLOCK_BYTES = 1 << 24
_MOST_BYTES = 4096  # of an image in an array; more would read all of a file that is larger than memory


def row_traces(images: np.ndarray, rows: np.ndarray, most: int = _MOST_BYTES) -> np.ndarray:
    """Traces of some of the images in an array.

    Args:
        images: [count, …], of any type.
        rows: int64 [n].
        most: Bytes of each image that count, from its middle.

    Returns:
        uint64 [n]; equal for equal images, and nearly never for others.
    """
    found = np.empty(len(rows), np.uint64)
    size = int(np.prod(images.shape[1:])) * images.dtype.itemsize
    start = max(0, (size - most) // 2)
    words = -(-min(size, most) // 8)
    # Odd factors, so that no bit is lost: a sum of products is the fastest hash in NumPy.
    factors = np.random.Generator(np.random.Philox(key=0)).integers(0, 2**64, words, np.uint64) | np.uint64(1)
    step = max(1, _BLOCK_BYTES // max(size, 1))
    # Of contiguous rows only the bytes that count are copied.
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
    """uint8 [count, bytes] of a contiguous array."""
    return images.reshape(len(images), -1).view(np.uint8)


def equal_across(
    traces: Mapping[str, np.ndarray], pixels: Callable[[str, int], np.ndarray]
) -> list[tuple[tuple[str, int], ...]]:
    """Groups of equal images in several splits.

    Args:
        traces: Split → uint64 [n], the trace of each of its images.
        pixels: (split, position in it) → an image's fitted pixels.

    Returns:
        Groups of (split, position), in the order of the splits.
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
        if splits[members[0]] == splits[members[-1]]:  # members are in the order of splits
            continue
        alike: dict[bytes, list[tuple[str, int]]] = {}
        for member in members.tolist():
            name = names[splits[member]]
            place = member - int(starts[splits[member]])
            alike.setdefault(_digest(pixels(name, place)), []).append((name, place))
        groups += [tuple(group) for group in alike.values() if len({name for name, _ in group}) > 1]
    return groups


def equal_groups(read: Callable[[int], np.ndarray | None], count: int, threads: int) -> np.ndarray:
    """For each image the first that is equal to it: int64 [count].

    Args:
        read: Index → fitted pixels; None for an unreadable image, which equals no other.
        count: Number of images.
        threads: Threads that read.
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
    """The remark on equal images in several splits; None where there are none."""
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
