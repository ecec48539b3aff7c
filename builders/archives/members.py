"""The files in an archive of images: which are images, and which are left out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from shlex import quote

from builders.image_files import Found, is_left_out
from builders.sources.source import relative_to, source_path
from common.errors import RequestError
from common.files import memory_budget, open_regular
from common.formatting import printable
from common.picture_formats import SUFFIXES

# What an entry of an archive takes in memory beside its name, measured.
_ENTRY_BYTES = 400
_SHOWN = 3
_TAR_MAGIC = 257  # where it is

_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gzip -dk"),
    b"\xfd7zXZ\0": ("xz", "xz -dk"),
    b"BZh": ("bzip2", "bzip2 -dk"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "zstd -d"),
    b"\x04\x22\x4d\x18": ("LZ4", "lz4 -d"),
}
_OTHERS = {b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!": "RAR"}


class DamagedArchiveError(Exception):
    """An archive that is damaged or cannot be read in place. The message does not contain its name."""


@contextmanager
def open_archive(path: str, kind: str, where: str) -> Iterator[BufferedReader]:
    """Opens an archive that a user named; DamagedArchiveError and OSError become a line.

    Args:
        path: The file.
        kind: `zip` or `tar`.
        where: Path in the spec, for errors.

    Raises:
        RequestError: No such file, another kind of archive, or it is damaged.
    """
    file, shown = source_path(path), printable(path)
    if not file.is_file():
        what = "a folder" if file.is_dir() else "no regular file"
        hint = "for a folder, write `folder: {path: …}`" if file.is_dir() else relative_to()
        problem = f"is {what}, expected a .{kind} file" if file.exists() else "no such file"
        raise RequestError(f"{where}: {problem}: '{shown}'; {hint}")
    try:
        with open_regular(file) as opened:
            check_kind(opened, kind, path, where)
            yield opened
    except (DamagedArchiveError, OSError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise RequestError(f"{where}: cannot read '{shown}': {reason}") from None


def check_kind(opened: BufferedReader, kind: str, path: str | os.PathLike, where: str) -> None:
    """Refuses archives of other kinds, with what to do. Raises RequestError."""
    start = os.pread(opened.fileno(), _TAR_MAGIC + 5, 0)
    shown = printable(os.fspath(path))
    if kind != "tar" and start[_TAR_MAGIC:] == b"ustar":
        raise RequestError(f"{where}: '{shown}' is a tar; write `tar: {{path: …}}`")
    if kind != "zip" and start.startswith((b"PK\3\4", b"PK\5\6")):
        raise RequestError(f"{where}: '{shown}' is a zip; write `zip: {{path: …}}`")
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            raise RequestError(f"{where}: '{shown}' is a {name} archive; unpack it, and write `folder: {{path: …}}`")
    for magic, (name, command) in _COMPRESSED.items():
        if start.startswith(magic):
            raise RequestError(
                f"{where}: '{shown}' is compressed with {name}, which allows no random access; unpack it with "
                f"`{command} {printable(quote(os.fspath(path)))}`, and name the .tar file"
            )


def check_entries(count: int, names: int) -> None:
    """Refuses more entries than fit in memory. Raises DamagedArchiveError.

    Args:
        count: Number of entries.
        names: Bytes of their names.
    """
    needed, budget = count * _ENTRY_BYTES + names, memory_budget()
    if needed > budget:
        raise DamagedArchiveError(
            f"a list of {count:,} files takes {needed / 1e9:.1f} GB of memory, and RETRACE_MEMORY_BUDGET allows "
            f"{budget / 1e9:.1f} GB"
        )


@dataclass
class Members:
    """Collects the images of an archive.

    Attributes:
        found: The images, other files, and no loops.
        places: Image → the number of its entry.
        outside: Names that lead out of the archive, left out.
        repeated: Number of images that a later entry of the same name replaces.
    """

    found: Found = field(default_factory=Found)
    places: dict[str, int] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    repeated: int = 0

    def add(self, name: str, place: int) -> None:
        """Adds a file by its name in the archive, where folders end in a slash."""
        path = inside(name)
        if path is None:
            self.outside.append(name)
        elif path and not name.endswith("/") and not any(map(is_left_out, path.split("/"))):
            lower = path.lower()
            if not lower.endswith(SUFFIXES):
                self.found.others[os.path.splitext(lower)[1]] += 1
            else:
                self.repeated += path in self.places
                self.places[path] = place

    def finish(self) -> tuple[Found, list[int], list[str]]:
        """The files, the entry of each image in the order of their names, and remarks."""
        self.found.images = sorted(self.places)
        remarks = []
        if self.outside:
            count, names = len(self.outside), ", ".join(f"'{printable(name)}'" for name in self.outside[:_SHOWN])
            are = "file is" if count == 1 else "files are"
            remarks.append(f"{count} {are} left out, for the names lead out of the archive: {names}")
        if self.repeated:
            are = "image is" if self.repeated == 1 else "images are"
            remarks.append(f"{self.repeated} {are} left out, for a later one in the archive has the same name")
        return self.found, [self.places[name] for name in self.found.images], remarks


def inside(name: str) -> str | None:
    """A name in an archive as a path below it, as programs unpack it; None where it leads out."""
    if "//" not in name and "./" not in name and name[:1] != "/":
        return name.rstrip("/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)
