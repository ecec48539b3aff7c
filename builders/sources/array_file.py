"""Reading one array from a .npy, .npz or IDX file, recognised by their first bytes.

The size in a header is compared with the size of the file, and with `files.memory_budget`, before anything is
allocated. One deflated byte expands to at most 1,032 bytes.
"""

import contextlib
import gzip
import io
import math
import os
import pathlib
import struct
import zipfile
import zlib
from typing import IO, cast

import numpy as np

from builders.sources.source import relative_to, source_path
from common.errors import RequestError
from common.files import memory_budget, open_regular
from common.formatting import printable
from common.registry import did_you_mean

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_KINDS = "buifUS"  # numbers and text; unpickling objects would run code
_DEFLATED = 1032
_LARGEST_FILE = 1 << 50
_LONGEST_HEADER = 10_000
_SHOWN_NAMES = 10
_LONGEST_REASON = 300  # zipfile's messages quote the bytes of a damaged header

# Errors of zipfile, zlib and NumPy's header parser on damaged files.
DAMAGE = (
    *(OSError, ValueError, EOFError, LookupError, OverflowError, RuntimeError),
    *(zlib.error, zipfile.BadZipFile, struct.error),
)


def read_array(path: str, key: str | None, where: str, key_where: str | None = None) -> np.ndarray:
    """Reads an array; that of a .npy file is mapped, and read from disk on demand.

    Args:
        path: The file.
        key: Name of the array in a .npz file. Unset: its only array.
        where: Path in the spec, for errors.
        key_where: Path in the spec of the key. Unset: `where`, followed by `_key`.

    Returns:
        The array, of numbers or text.

    Raises:
        RequestError: No such file or key, another format, a damaged file, Python objects, or it is larger than
            `files.memory_budget` allows.
    """
    file, shown = existing_file(path, where, ".npy, .npz or IDX"), printable(path)
    key_where = key_where or f"{where}_key"
    try:
        with open_regular(file, _LARGEST_FILE) as opened:
            start = opened.read(6)
            opened.seek(0)
            if start.startswith(b"PK"):
                return _from_npz(opened, shown, key, where, key_where)
            if key is not None:
                raise RequestError(f"{key_where}: '{shown}' is no .npz file, so '{key}' names nothing; leave it out")
            if start == b"\x93NUMPY":
                return _from_npy(opened, file)
            size = os.fstat(opened.fileno()).st_size
            if start.startswith(b"\x1f\x8b"):
                with gzip.open(opened) as unpacked:
                    return _from_idx(cast(IO[bytes], unpacked), size * _DEFLATED, packed=True)
            if start.startswith(b"\0\0"):
                return _from_idx(opened, size, packed=False)
    except DAMAGE as error:
        raise RequestError(f"{where}: cannot read '{shown}': {damage(error)}") from None
    raise RequestError(f"{where}: '{shown}' is no .npy, .npz or IDX file (gzipped or not)")


def existing_file(path: str, where: str, expected: str) -> pathlib.Path:
    """The regular file that a spec names. Raises RequestError where there is none.

    Args:
        path: As the spec has it.
        where: Path in the spec.
        expected: The suffixes of such files, in words.
    """
    file, shown = source_path(path), printable(path)
    if not file.is_file():
        kind = "a folder" if file.is_dir() else "no regular file"
        problem = f"is {kind}, expected a {expected} file" if file.exists() else "no such file"
        raise RequestError(f"{where}: {problem}: '{shown}'; {relative_to()}")
    return file


def described_arrays(path: str, where: str) -> dict[str, tuple[tuple[int, ...], np.dtype] | None]:
    """Name → (shape, type) of the arrays in a .npz file, from their headers; None of those that cannot be read.

    Args:
        path: The file.
        where: Path in the spec, for errors.

    Raises:
        RequestError: No such file, or it is damaged.
    """
    file = existing_file(path, where, ".npz")
    found: dict[str, tuple[tuple[int, ...], np.dtype] | None] = {}
    try:
        with open_regular(file, _LARGEST_FILE) as opened, zipfile.ZipFile(opened) as archive:
            for name, member in _members(archive).items():
                found[name] = None  # Python objects, or a damaged header: `read_array` says so where it is needed
                with contextlib.suppress(ValueError), archive.open(member) as unpacked:
                    shape, _, kind = _header(unpacked)
                    found[name] = shape, kind
    except DAMAGE as error:
        raise RequestError(f"{where}: cannot read '{printable(path)}': {damage(error)}") from None
    return found


def damage(error: BaseException) -> str:
    """What is wrong with a file, in one line."""
    words = " ".join(str(getattr(error, "strerror", None) or error).split())
    return printable(words[:_LONGEST_REASON]) or type(error).__name__


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, whether in Fortran order, type) from the header of a .npy file.

    Raises:
        ValueError: The header is damaged, or the array has no numbers or text.
    """
    start = file.read(8)
    first = start[6:] == b"\1\0"
    length = file.read(2 if first else 4)
    if int.from_bytes(length, "little") > _LONGEST_HEADER:
        raise ValueError("its header is damaged (too long)")
    whole = io.BytesIO(start + length + file.read(int.from_bytes(length, "little")))
    try:
        np.lib.format.read_magic(whole)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = read(whole)
    except Exception as error:  # NumPy uses Python's own parser, which raises errors of any type
        raise ValueError(f"its header is damaged ({' '.join(str(error).split())[:120]})") from None
    if kind.hasobject:
        raise ValueError("it holds Python objects, which may be code; save it with a numeric type")
    if kind.kind not in _KINDS:
        raise ValueError(f"it holds {kind}, expected numbers or words")
    if any(side < 0 for side in shape):
        raise ValueError(f"its header promises a shape with negative sides, {_shape(shape)}")
    return shape, by_columns, kind


def _from_npy(opened: IO[bytes], file: pathlib.Path) -> np.ndarray:
    shape, by_columns, kind = _header(opened)
    start = opened.tell()
    _compare(shape, kind, os.fstat(opened.fileno()).st_size - start, exact=False)
    if not math.prod(shape) * kind.itemsize:
        return np.empty(shape, kind)  # an empty array cannot be mapped
    return np.memmap(file, kind, "r", start, shape, "F" if by_columns else "C")


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Name of each array of a .npz file → its member."""
    return {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}


def _from_npz(opened: IO[bytes], shown: str, key: str | None, where: str, key_where: str) -> np.ndarray:
    with zipfile.ZipFile(opened) as archive:
        members = _members(archive)
        known = [printable(name) for name in members]
        if not members:
            first = next(iter(archive.namelist()), None)
            holds = f"holds '{printable(first)}' and no .npy" if first else "is empty"
            raise RequestError(
                f"{where}: '{shown}' is a zip, but no .npz file: it {holds}; for images in a zip write "
                "`zip: {path: …}`"
            )
        if key is None and len(members) == 1:
            [key] = members
        if key is None:
            more = f" and {len(known) - _SHOWN_NAMES} more" if len(known) > _SHOWN_NAMES else ""
            listed = ", ".join(known[:_SHOWN_NAMES])
            raise RequestError(f"{key_where}: '{shown}' holds several arrays, name one of: {listed}{more}")
        if key not in members:
            hint = did_you_mean(key, known) or f"; it holds {', '.join(known[:_SHOWN_NAMES])}"
            raise RequestError(f"{key_where}: '{shown}' holds no array '{key}'{hint}")
        member = archive.getinfo(members[key])
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its array '{printable(key)}' is compressed otherwise than NumPy does it")
        if member.file_size > (member.compress_size + 1) * _DEFLATED:
            raise ValueError(f"its array '{printable(key)}' claims more bytes than the file can hold")
        with archive.open(member) as unpacked:
            shape, by_columns, kind = _header(unpacked)
            _compare(shape, kind, member.file_size - unpacked.tell(), exact=True)
            check_memory(math.prod(shape) * kind.itemsize)
            flat = _filled(unpacked, math.prod(shape), kind)
            return flat.reshape(shape, order="F" if by_columns else "C")


def _from_idx(file: IO[bytes], most: int, packed: bool) -> np.ndarray:
    """Parses IDX: two zeros, a type, the number of dimensions, their sizes (big-endian), the values.

    Args:
        file: At its beginning.
        most: Its size in bytes, or an upper bound.
        packed: Whether the size is known only when everything is read.
    """
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _IDX_TYPES:
        raise ValueError("its header is not that of an IDX file")
    sides = file.read(4 * head[3])
    if len(sides) < 4 * head[3]:
        raise ValueError("the IDX header is cut short")
    shape = tuple(int(side) for side in np.frombuffer(sides, ">u4"))
    kind = np.dtype(_IDX_TYPES[head[2]])
    _compare(shape, kind, most - 4 - len(sides), exact=not packed)
    check_memory(math.prod(shape) * kind.itemsize)
    flat = _filled(file, math.prod(shape), kind)
    if file.read(1):
        raise ValueError(f"more bytes follow than the {_shape(shape)} values that its header promises")
    return flat.reshape(shape).astype(kind.newbyteorder("="), copy=False)


def _compare(shape: tuple[int, ...], kind: np.dtype, follow: int, exact: bool) -> None:
    """Refuses a header that declares more bytes than follow it, or with `exact` any other number."""
    promised = math.prod(shape) * kind.itemsize
    if promised > follow or (exact and promised != follow):
        most = "" if exact else "at most "
        raise ValueError(
            f"its header promises {_shape(shape)} values of {kind.itemsize} bytes, {most}{follow:,} bytes follow"
        )


def check_memory(needed: int) -> None:
    budget = memory_budget()
    if needed > budget:
        raise ValueError(
            f"it takes {needed / 1e9:.1f} GB of memory, and RETRACE_MEMORY_BUDGET allows {budget / 1e9:.1f} GB; save "
            "it as .npy, which is read from disk on demand, or raise that setting"
        )


def _filled(file: IO[bytes], count: int, kind: np.dtype) -> np.ndarray:
    """The next `count` values of a file."""
    flat = np.empty(count, kind)
    if not flat.nbytes:
        file.read(1)  # compares the checksum
        return flat
    view, done = flat.view(np.uint8).data, 0
    while done < len(view):
        got = file.readinto(view[done : done + (1 << 24)])  # type: ignore[attr-defined]
        if not got:
            raise EOFError(f"cut short: {done:,} of {len(view):,} bytes of values are there")
        done += got
    return flat


def _shape(shape: tuple[int, ...]) -> str:
    text = "×".join(map(str, shape))
    return text if len(text) < 60 else f"{text[:57]}…"
