"""The seal of a file: a command knows the files it wrote by it, and a file that was edited since has none that fits.

A seal is a short text where the format has room for remarks: a PNG's text chunk, a comment at the end of an SVG, a PDF
or a .npz archive, the metadata of safetensors. It names the command and holds a sha256 over the command, the file's
name and its content. A .csv or .npy file has no such room: the seal of a picture written with it vouches for it.
"""

import hashlib
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from common.files import open_regular

_HASH = 64  # hexadecimal digits
_NO_HASH = "0" * _HASH
_EMPTY = "?" * _HASH
_CHUNK = 2**20
_MOST_METADATA = 2**24
_PNG_TEXT = b"tEXtComment\0"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_XML_END, _PDF_END = b" -->\n", b"\n"


def blank_seal(by: str, vouched: str | None = None) -> str:
    """A seal without its hash, which a safetensors file holds in its metadata until `seal` fills it in."""
    return f"retrace {by} {_EMPTY} {vouched or _NO_HASH}"


def seal(path: Path, by: str, name: str, vouched: str | None = None) -> None:
    """Seals a file that was just written.

    Args:
        path: The file, under its temporary name.
        by: The command that wrote it, such as `reconstruct`.
        name: What the file will be called: .png, .svg, .pdf, .npz or .safetensors.
        vouched: `content_hash` of a file without room for a seal that is written with this one.
    """
    blank, suffix = blank_seal(by, vouched).encode(), Path(name).suffix.lower()
    _add_blank(path, suffix, blank)
    with path.open("rb+") as file:
        place = _place(file, suffix, len(blank))
        text = blank.replace(_EMPTY.encode(), _digest(file, place, by, name, vouched or _NO_HASH).encode())
        file.seek(place[1])
        file.write(text)
        if suffix == ".png":
            file.write(struct.pack(">I", zlib.crc32(_PNG_TEXT + text)))


def vouched_by(path: Path, by: str) -> str | None:
    """Whether a command wrote a file and nobody changed or renamed it since.

    Returns:
        None where it did not, or where the file is no regular one; else the `content_hash` of the file that this one
        vouches for, or zeros where it vouches for none.
    """
    suffix, length = path.suffix.lower(), len(blank_seal(by))
    try:
        with open_regular(path) as file:
            place = _place(file, suffix, length)
            file.seek(place[1])
            text = file.read(length).decode("ascii")
            vouched = text[-_HASH:]
            if not text.startswith(f"retrace {by} "):
                return None  # before a large file is read
            if text == blank_seal(by, vouched).replace(_EMPTY, _digest(file, place, by, path.name, vouched)):
                return vouched
    except (OSError, ValueError, zipfile.BadZipFile):  # no file that this project writes
        pass
    return None


def content_hash(by: str, path: Path, name: str) -> str:
    """The hash of a file without room for a seal, under the name that it will have."""
    with open_regular(path) as file:
        return _hash_of(file, [(0, os.fstat(file.fileno()).st_size)], by, name)


def _digest(file: BinaryIO, place: tuple[int, int, int], by: str, name: str, vouched: str) -> str:
    start, text, end = place
    return _hash_of(file, [(start, text), (end, os.fstat(file.fileno()).st_size)], by, name, vouched)


def _hash_of(file: BinaryIO, ranges: list[tuple[int, int]], *words: str) -> str:
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape"))
    for start, end in ranges:
        file.seek(start)
        while start < end and (content := file.read(min(_CHUNK, end - start))):
            digest.update(content)
            start += len(content)
    return digest.hexdigest()


def _add_blank(path: Path, suffix: str, blank: bytes) -> None:
    """Makes room for a seal at the end of a file."""
    if suffix == ".npz":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = blank
        return
    with path.open("rb+") as file:
        file.seek(-len(_PNG_END) if suffix == ".png" else 0, os.SEEK_END)
        if suffix == ".png":
            file.write(struct.pack(">I", len(_PNG_TEXT) - 4 + len(blank)) + _PNG_TEXT + blank + b"\0\0\0\0" + _PNG_END)
        elif suffix == ".svg":
            file.write(b"<!-- " + blank + _XML_END)
        elif suffix == ".pdf":
            file.write(b"% " + blank + _PDF_END)


def _place(file: BinaryIO, suffix: str, length: int) -> tuple[int, int, int]:
    """Where the hashed content begins, where the seal begins, and where content goes on that is hashed as well.

    Raises:
        ValueError, OSError, BadZipFile: The file has no seal.
    """
    size = os.fstat(file.fileno()).st_size
    if suffix == ".png":  # behind the text comes its checksum
        end = size - len(_PNG_END)
        return 0, end - 4 - length, end
    if suffix == ".npz":  # the directory of an archive holds the checksums of all that is in it
        with zipfile.ZipFile(file) as archive:
            return archive.start_dir, size - length, size
    if suffix == ".safetensors":
        header = file.read(min(_MOST_METADATA, size))
        place = header.index(b"retrace ")
        return 0, place, place + length
    return 0, size - length - len(_XML_END if suffix == ".svg" else _PDF_END), size
