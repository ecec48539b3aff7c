"""Indexes of large files: made once, kept below .cache/, and made again where they are missing or damaged."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from common.files import atomic_file, memory_budget, open_regular, read_regular

CACHE_FOLDER = Path(".cache/sources")
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
        _save(path, made)
    return made


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


def _save(path: Path, arrays: Arrays) -> None:
    header = json.dumps({name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()})
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with atomic_file(path) as temporary, open(temporary, "wb") as file:
        for piece in (_MAGIC, f"{header}\n".encode(), *(array.tobytes() for array in arrays.values())):
            file.write(piece)
            digest.update(piece)
        file.write(digest.digest())


def _load(path: Path) -> dict[str, np.ndarray] | None:
    """An index; None where it is missing or damaged."""
    try:
        content = memoryview(read_regular(path, memory_budget()))
        body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if bytes(body[: len(_MAGIC)]) != _MAGIC or hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
            return None
        end = bytes(body[: len(_MAGIC) + 4096]).index(b"\n", len(_MAGIC))
        arrays, at = {}, end + 1
        for name, (kind, shape) in json.loads(bytes(body[len(_MAGIC) : end])).items():
            count = math.prod(shape)
            if kind not in _TYPES:
                return None
            arrays[name] = np.frombuffer(body, kind, count, at).reshape(shape)
            at += arrays[name].nbytes
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return arrays if at == len(body) else None


def names_array(names: Sequence[str]) -> np.ndarray:
    """Names as uint8 [bytes], for an index; they contain no NUL."""
    return np.frombuffer("\0".join(names).encode("utf-8", "surrogateescape"), np.uint8)


def names_of(array: np.ndarray) -> list[str]:
    """The names in an array of `names_array`."""
    return array.tobytes().decode("utf-8", "surrogateescape").split("\0") if len(array) else []
