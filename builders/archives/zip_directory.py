"""The directory of a zip file, which is at its end (APPNOTE.TXT 6.3, zip64 included), and reading its files in place.

Python's zipfile holds a kilobyte of memory for each file and shares one position between threads.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

import numpy as np

from builders.archives.members import DamagedArchiveError, check_entries
from builders.archives.pieces import Pieces
from builders.pixel_values import BadImageError

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s2B5H3L5H2L")
_LOCAL = struct.Struct("<4s22x2H")
_LONGEST_COMMENT = 1 << 16
_LARGEST = (1 << 63) - 1
_LOCAL_NAME = 256  # what usual names and extra fields take before an image

STORED, DEFLATED = 0, 8
ENCRYPTED = -1
METHODS = {1: "shrinking", 6: "imploding", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ"}


class Entry(NamedTuple):
    """A file of the archive: where its header begins, its sizes in bytes, its checksum; method -1 is encrypted."""

    name: str
    offset: int
    packed: int
    size: int
    checksum: int
    method: int
    is_link: bool


def entries(opened: BufferedReader) -> Iterator[Entry]:
    """The files and folders of a zip, in the order of its directory.

    Raises:
        DamagedArchiveError: It is no zip, is damaged, cut short, or one part of several.
    """
    handle = opened.fileno()
    whole = os.fstat(handle).st_size
    count, size, start, shift = _directory(handle, whole)
    check_entries(count, size * 2)
    directory = os.pread(handle, size, start)
    at = 0
    for number in range(count):
        if len(directory) - at < _ENTRY.size or directory[at : at + 4] != b"PK\1\2":
            raise DamagedArchiveError(f"its directory is damaged at entry {number + 1} of {count}")
        fields = _ENTRY.unpack_from(directory, at)
        _, _, system, _, flags, method, _, _, checksum, packed, unpacked, name, extra, comment = fields[:14]
        mode, offset = fields[16] >> 16, fields[17]
        at += _ENTRY.size
        if at + name + extra + comment > len(directory):
            raise DamagedArchiveError(f"its directory is damaged at entry {number + 1} of {count}")
        if 0xFFFFFFFF in (packed, unpacked, offset):
            unpacked, packed, offset = _large(directory[at + name : at + name + extra], unpacked, packed, offset)
        offset += shift
        if offset + packed > whole:
            raise DamagedArchiveError(
                f"its directory is damaged at entry {number + 1} of {count}: it is out of the file"
            )
        text = _name(directory[at : at + name], flags, system)
        at += name + extra + comment
        checked = ENCRYPTED if flags & 1 else method
        yield Entry(text, offset, packed, min(unpacked, _LARGEST), checksum, checked, mode & 0o170000 == 0o120000)


def _directory(handle: int, whole: int) -> tuple[int, int, int, int]:
    """(entries, bytes, position) of the directory, and what must be added to the positions in it."""
    tail_at = max(0, whole - _LONGEST_COMMENT - _END.size)
    tail = os.pread(handle, whole - tail_at, tail_at)
    at = len(tail)
    while (at := tail.rfind(b"PK\5\6", 0, at)) >= 0:
        if len(tail) - at >= _END.size and at + _END.size + _END.unpack_from(tail, at)[7] <= len(tail):
            break
    if at < 0:
        starts = os.pread(handle, 4, 0) in (b"PK\3\4", b"PK\7\x08")
        raise DamagedArchiveError(
            "it is cut short: its end, with the list of its files, is missing; copy it again"
            if starts
            else "it is no zip"
        )
    _, disk, first_disk, _, count, size, start, _ = _END.unpack_from(tail, at)
    end = tail_at + at
    if end >= _LOCATOR.size:
        magic, _, end_64, _ = _LOCATOR.unpack(os.pread(handle, _LOCATOR.size, end - _LOCATOR.size))
        if magic == b"PK\6\7":
            end -= _LOCATOR.size
            # Data in front of the archive, such as a program that unpacks it, shift it.
            for place in (end_64, end - _END_64.size):
                found = os.pread(handle, _END_64.size, place) if 0 <= place < whole else b""
                if len(found) == _END_64.size and found[:4] == b"PK\6\6":
                    _, _, _, _, disk, first_disk, _, count, size, start = _END_64.unpack(found)
                    end = place
                    break
            else:
                raise DamagedArchiveError("its zip64 directory is missing or damaged")
    if disk or first_disk:
        raise DamagedArchiveError("it is one part of several; join them with `zip -s 0 PARTS.zip --out WHOLE.zip`")
    shift = end - size - start
    if shift < 0 or size < count * _ENTRY.size:
        raise DamagedArchiveError("its directory is damaged or cut off")
    return count, size, end - size, shift


def _large(extra: bytes, unpacked: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset of an entry whose fields do not suffice, from its zip64 extra field."""
    values = [unpacked, packed, offset]
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            numbers = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            values = [next(numbers, value) if value == 0xFFFFFFFF else value for value in values]
            break
        at += 4 + length
    return values[0], values[1], values[2]


def _name(raw: bytes, flags: int, system: int) -> str:
    """Old programs write the names of their system's code page without a flag, and some UTF-8."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("utf-8", "surrogateescape") if flags & 0x800 else raw.decode("cp437")
    return name.replace("\\", "/") if system == 0 else name  # MS-DOS and Windows


class ZipFiles:
    """The bytes of some files of a zip, from any thread.

    Args:
        pieces: The zip, as file 0.
        table: int64 [files, 5]: offset, packed, size, checksum and method of each, as in `Entry`.
    """

    def __init__(self, pieces: Pieces, table: np.ndarray):
        self._pieces = pieces
        self._table = table

    def size(self, number: int) -> int:
        """Bytes of a file, unpacked."""
        return int(self._table[number, 2])

    def read(self, number: int) -> bytes:
        """The unpacked bytes of a file. Raises BadImageError where they are damaged, or too many for the memory."""
        offset, packed, size, checksum, method = self._table[number].tolist()
        self._pieces.check_size(max(packed, size))
        piece = self._pieces.read(0, offset, _LOCAL.size + _LOCAL_NAME + packed)
        if len(piece) < _LOCAL.size or piece[:4] != b"PK\3\4":
            raise BadImageError("damaged: its header in the archive is missing")
        start = _LOCAL.size + sum(_LOCAL.unpack_from(piece)[1:])
        content = piece[start : start + packed]
        if len(content) < packed:
            content = self._pieces.read_whole(0, offset + start, packed)
        if method == DEFLATED:
            content = _inflated(content, size)
        if len(content) != size:
            raise BadImageError(f"damaged: {len(content):,} bytes, the archive promises {size:,}")
        if zlib.crc32(content) != checksum:
            raise BadImageError("damaged: its checksum is wrong")
        return content


def _inflated(content: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflater.decompress(content, size + 1)
    except zlib.error as error:
        raise BadImageError(f"damaged: {error}") from None
