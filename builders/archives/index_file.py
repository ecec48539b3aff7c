"""Indexes of large files: made once, kept below .cache/, and made again where they are missing or damaged."""

import contextlib
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from common.files import (
    atomic_file,
    memory_budget,
    open_regular,
    read_regular,
    remove_unfinished,
    write_atomically,
)

CACHE_FOLDER = Path(".cache/sources")
# The number rises when what any index contains changes.
_MAGIC = b"retrace index 1\n"
_TYPES = ("|u1", "<i8")
_DIGEST_BYTES = 16
_SAMPLES = 64
_SAMPLE_BYTES = 4096

Arrays = Mapping[str, np.ndarray]


def cached_index(kind: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """An index from the cache; else it is made and kept.

    Args:
        kind: What made it, part of the file's name.
        key: Digest of what it describes.
        make: Makes it: name → uint8 or int64 array.
    """
    path = CACHE_FOLDER / f"{kind}-{key}.index"
    if (found := _load(path)) is not None:
        return found
    made = make()
    with contextlib.suppress(OSError):  # a full disk or a folder without permission: it is made again next time
        write_atomically(path, packed(made))
    return made


def cached_copy(kind: str, key: str, make: Callable[[Path], Arrays]) -> tuple[Path, Arrays]:
    """A large file that is made of others, and its index; both from the cache, or made and kept.

    Args:
        kind: What made it, part of the file's name.
        key: Digest of what it is made of.
        make: Writes the file to a path, and returns its index.

    Returns:
        The file, and its index.

    Raises:
        OSError: It cannot be written.
    """
    copy, index = CACHE_FOLDER / f"{kind}-{key}.copy", CACHE_FOLDER / f"{kind}-{key}.index"
    found = _load(index)
    # One that was cut or removed is made again.
    if found is not None and copy.is_file() and [copy.stat().st_size] == found["size"].tolist():
        return copy, found
    CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
    remove_unfinished(CACHE_FOLDER)
    with atomic_file(copy) as temporary:
        made = make(temporary)
        made = {**made, "size": np.array([temporary.stat().st_size], np.int64)}
    write_atomically(index, packed(made))
    return copy, made


def half_free_disk() -> int:
    """Bytes that a copy in the cache may take: half of what is free."""
    CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(CACHE_FOLDER).free // 2


def key_of(names: Sequence[str], paths: Sequence[Path], settings: object = None) -> str:
    """A digest of names, sizes, times and samples of the bytes of files, the same wherever they are.

    Args:
        names: The names of the files.
        paths: Where they are.
        settings: What else the index depends on; its `repr` counts.

    Raises:
        OSError: A file cannot be read.
    """
    digest = hashlib.sha256(repr(settings).encode("utf-8", "surrogateescape"))
    samples = max(2, _SAMPLES // len(paths))
    for name, path in zip(names, paths, strict=True):
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            digest.update(f"{name}\0{status.st_size} {status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
            for place in range(samples):
                start = max(0, status.st_size - _SAMPLE_BYTES) * place // (samples - 1)
                digest.update(os.pread(file.fileno(), _SAMPLE_BYTES, start))
    return digest.hexdigest()[:32]


def packed(arrays: Arrays) -> bytes:
    """Arrays of uint8 and int64 as bytes, with a checksum."""
    header = json.dumps({name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()})
    body = b"".join([_MAGIC, f"{header}\n".encode(), *(array.tobytes() for array in arrays.values())])
    return body + hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of `packed`. Raises ValueError where a byte is damaged or missing."""
    whole = memoryview(content)
    body, digest = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
    if bytes(body[: len(_MAGIC)]) != _MAGIC or hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
        raise ValueError("no index, or a damaged one")
    end = content.index(b"\n", len(_MAGIC))
    arrays, at = {}, end + 1
    for name, (kind, shape) in json.loads(content[len(_MAGIC) : end]).items():
        if kind not in _TYPES:
            raise ValueError(f"an index has no {kind}")
        arrays[name] = np.frombuffer(body, kind, math.prod(shape), at).reshape(shape)
        at += arrays[name].nbytes
    return arrays


def _load(path: Path) -> dict[str, np.ndarray] | None:
    """An index; None where it is missing or damaged."""
    try:
        return unpacked(read_regular(path, memory_budget()))
    except (OSError, ValueError):
        return None


def names_array(names: Sequence[str]) -> np.ndarray:
    """Names as uint8 [bytes], for an index; they contain no NUL."""
    return np.frombuffer("".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape"), np.uint8)


class Names(Sequence[str]):
    """The names in an array of `names_array`; a list of a million takes ten times the memory.

    Args:
        array: uint8 [bytes].
    """

    def __init__(self, array: np.ndarray):
        self._bytes = array
        self._ends = np.flatnonzero(array == 0)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        start = int(self._ends[number - 1]) + 1 if number else 0
        return self._bytes[start : self._ends[number]].tobytes().decode("utf-8", "surrogateescape")
