"""Reading one array from a .npy, .npz or IDX file, told apart by their first bytes."""

import gzip
import math
import pathlib
import zlib

import numpy as np

from architectures.registry import did_you_mean
from builders.errors import RequestError

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_array(path: str, key: str | None, where: str) -> np.ndarray:
    """Reads an array; one of a .npy file stays on disk and is read as it is used.

    Args:
        path: The file.
        key: Name of the array inside a .npz file. Unset: its only array.
        where: Path in the spec, for errors.

    Returns:
        The array.

    Raises:
        RequestError: No such file or key, another format, a damaged file, or Python objects in it.
    """
    file = pathlib.Path(path).expanduser()
    if not file.is_file():
        problem = "is a folder, expected a .npy, .npz or IDX file" if file.is_dir() else "no such file"
        raise RequestError(f"{where}: {problem}: '{path}'; paths are relative to the working directory")
    try:
        with open(file, "rb") as opened:
            start = opened.read(6)
        if start.startswith(b"PK"):
            return _from_npz(file, path, key, where)
        if key is not None:
            raise RequestError(f"{where}_key: '{path}' is no .npz file, so '{key}' names nothing; leave the key out")
        if start == b"\x93NUMPY":
            return np.load(file, mmap_mode="r", allow_pickle=False)
        if start.startswith(b"\x1f\x8b"):
            return _from_idx(gzip.decompress(file.read_bytes()))
        if start.startswith(b"\0\0"):
            return _from_idx(file.read_bytes())
    except (OSError, ValueError, EOFError, zlib.error) as error:  # NumPy's refusal of objects is a ValueError
        raise RequestError(f"{where}: cannot read '{path}': {error}") from None
    raise RequestError(f"{where}: '{path}' is no .npy, .npz or IDX file (gzipped or not)")


def _from_npz(file: pathlib.Path, path: str, key: str | None, where: str) -> np.ndarray:
    with np.load(file, allow_pickle=False) as archive:
        if key is None and len(archive.files) == 1:
            key = archive.files[0]
        if key is None:
            raise RequestError(f"{where}_key: '{path}' holds several arrays, name one of: {', '.join(archive.files)}")
        if key not in archive.files:
            hint = did_you_mean(key, archive.files) or f"; it holds {', '.join(archive.files)}"
            raise RequestError(f"{where}_key: '{path}' holds no array '{key}'{hint}")
        return archive[key]


def _from_idx(content: bytes) -> np.ndarray:
    """Parses IDX: two zeros, a type, the number of dimensions, their sizes (big-endian), the values."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise ValueError("its header is not that of an IDX file")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError("the IDX header is cut short")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, 4))
    kind = np.dtype(_IDX_TYPES[content[2]])
    if len(content) - start != math.prod(shape) * kind.itemsize:
        raise ValueError(
            f"its header promises {'×'.join(map(str, shape))} values of {kind.itemsize} bytes, {len(content) - start} "
            "bytes follow"
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="), copy=False)
