"""The headers of a tar file: POSIX ustar and pax, GNU and the old format, without reading what is between them.

Python's tarfile holds a kilobyte of memory for each file and reads ten times as slowly.
"""

import posixpath
import struct
import zlib
from array import array
from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

import numpy as np

from builders.archives.index_file import Arrays, names_array
from builders.archives.members import DamagedArchiveError, check_entries, inside
from builders.archives.pieces import Windows

BLOCK = 512
_LONGEST_EXTENSION = 1 << 20
_MOST_LINKS = 8
_ADLER_PRIME = 65521
_CHECKED = 1 << 14

FILE, LINK, OTHER = range(3)
"""What a row of the table of `index_of` is: a file, a link that leads to none, or neither."""

_REGULAR = b"0", b"\0", b"7"
# Headers of these types are followed by nothing, whatever size they have.
_BODILESS = b"1", b"2", b"3", b"4", b"5", b"6"
_SPARSE = b"S"


class Header(NamedTuple):
    """A member: its name, its type as in the header, where its bytes are, and where a link leads."""

    name: str
    type: bytes
    offset: int
    size: int
    target: str

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file: no link, folder, device or sparse file."""
        return self.type in _REGULAR


def headers(opened: BufferedReader) -> Iterator[Header]:
    """The members of a tar, in their order.

    Raises:
        DamagedArchiveError: It is no tar, damaged or cut short.
    """
    file = Windows(opened)
    at = count = lengths = 0
    shared: dict[str, str] = {}
    own: dict[str, str] = {}
    while at < file.size:
        block = file.read(at, BLOCK)
        if len(block) < BLOCK:
            raise DamagedArchiveError(f"it is cut short: it ends inside of a header at byte {at:,}; copy it again")
        if block[0] == 0 and not any(block):
            return
        size, kind = _checked(block, at), block[156:157]
        body = at + BLOCK
        if kind in b"LKxXg":
            content = _extension(file, body, size, at)
            if kind == b"L":
                own["path"] = _text(content)
            elif kind == b"K":
                own["linkpath"] = _text(content)
            else:
                (shared if kind == b"g" else own).update(_pax(content, at))
            at = body + _blocks(size)
            continue
        extended = {**shared, **own} if shared else own
        own = {}
        name = extended.get("path") or _name(block)
        if "size" in extended and kind not in _BODILESS:
            size = _decimal(extended["size"], at)
        if kind == _SPARSE:
            body = _behind_maps(file, block, body)
        elif extended and any(key.startswith("GNU.sparse.") for key in extended):
            kind = _SPARSE
        elif kind in _BODILESS:
            size = 0
        elif kind in _REGULAR and name.endswith("/"):
            kind = b"5"
        if body + size > file.size:
            follow = max(0, file.size - body)
            raise DamagedArchiveError(
                f"it is cut short: a file at byte {body:,} has {size:,} bytes, and {follow:,} follow; copy it again"
            )
        count += 1
        lengths += len(name)
        if count % _CHECKED == 0:
            check_entries(count, lengths)
        target = (extended.get("linkpath") or _text(block[157:257])) if kind in (b"1", b"2") else ""
        yield Header(name, kind, body, size, target)
        at = body + _blocks(size)


def index_of(opened: BufferedReader) -> Arrays:
    """The files of a tar: `names`, and `table`, int64 [files, 3] of offset, size and FILE, LINK or OTHER.

    Links to files in the archive have the place of that file. Raises DamagedArchiveError as `headers`.
    """
    names: list[str] = []
    table = array("q")
    links: dict[int, tuple[str, bool]] = {}
    for header in headers(opened):
        if header.type == b"5":
            continue
        if header.type in (b"1", b"2"):
            links[len(names)] = header.target, header.type == b"2"
        table.extend((header.offset, header.size, FILE if header.is_file else OTHER))
        names.append(header.name)
    rows = np.array(table, np.int64).reshape(-1, 3)
    if links:
        _follow(names, rows, links)
    return {"names": names_array(names), "table": rows}


def _follow(names: list[str], rows: np.ndarray, links: dict[int, tuple[str, bool]]) -> None:
    """Gives links the place of the files that they lead to."""
    places = {inside(name): number for number, name in enumerate(names)}
    rows[list(links), 2] = LINK
    for link in links:
        number, passed = link, 0
        while number in links and passed < _MOST_LINKS:
            target, symbolic = links[number]
            if symbolic:  # relative to the link's own folder
                target = posixpath.normpath(posixpath.join(posixpath.dirname(inside(names[number]) or ".."), target))
            path = None if symbolic and target.startswith("/") else inside(target)
            number, passed = places.get(path, -1) if path else -1, passed + 1
        if number >= 0 and number not in links and rows[number, 2] == FILE:
            rows[link] = rows[number]


def _checked(block: bytes, at: int) -> int:
    """The size in a header. Raises DamagedArchiveError where its checksum is wrong."""
    try:
        expected, size = _number(block[148:156]), _number(block[124:136])
    except ValueError:
        expected = size = -1
    # zlib adds 512 bytes in a twentieth of the time of Python's sum, modulo a prime number below 2**16.
    total = (zlib.adler32(block) & 0xFFFF) - 1 - sum(block[148:156]) + 8 * 32
    right = (expected - total) % _ADLER_PRIME == 0
    if not right and size >= 0:  # some old programs added signed bytes
        right = expected == sum(struct.unpack("148b8x356b", block)) + 8 * 32
    if size < 0 or not right:
        what = f"it is damaged: no header at byte {at:,}" if at else "it is no tar"
        raise DamagedArchiveError(what)
    return size


def _number(field: bytes) -> int:
    """Octal digits, or a binary number for what they cannot hold."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    try:
        return int(field.rstrip(b"\0 "), 8)
    except ValueError:  # nothing, or rubbish behind the end
        return int(field.split(b"\0")[0].strip() or b"0", 8)


def _decimal(text: str, at: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise DamagedArchiveError(f"it is damaged: a wrong size before byte {at:,}")
    return int(text)


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _name(block: bytes) -> str:
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""  # GNU's format has times there
    return f"{prefix}/{name}" if prefix else name


def _extension(file: Windows, body: int, size: int, at: int) -> bytes:
    """The content of a member that describes the next one."""
    content = file.read(body, size) if size <= _LONGEST_EXTENSION else b""
    if len(content) < size:
        raise DamagedArchiveError(f"it is damaged or cut short: a name of {size:,} bytes at byte {at:,}")
    return content


def _pax(content: bytes, at: int) -> dict[str, str]:
    """The records `LENGTH KEY=VALUE` of a pax header that matter here."""
    found: dict[str, str] = {}
    place = 0
    if b"path=" not in content and b"size=" not in content and b"GNU.sparse." not in content:
        return found  # most have times alone
    while place < len(content) and content[place]:
        digits, space, _ = content[place : place + 8].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = content[place : place + length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not length or len(record) < length or not equals or record[-1:] != b"\n":
            raise DamagedArchiveError(f"it is damaged: a wrong pax header at byte {at:,}")
        if key in (b"path", b"linkpath", b"size") or key.startswith(b"GNU.sparse."):
            found[key.decode("ascii", "replace")] = _text(value)
        place += length
    return found


def _behind_maps(file: Windows, block: bytes, body: int) -> int:
    """Where the bytes of a sparse file begin, behind the blocks that say where its holes are."""
    more = block[482]
    while more:
        block = file.read(body, BLOCK)
        if len(block) < BLOCK:
            raise DamagedArchiveError("it is cut short: it ends inside of a header; copy it again")
        more, body = block[504], body + BLOCK
    return body
