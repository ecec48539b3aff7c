"""Photographs that the packages of a desktop's wallpapers install, such as Debian's."""

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from builders.picture_files import opened_image
from builders.pixel_values import BadImageError

FOLDERS = (Path("/usr/share/backgrounds"), Path("/usr/share/wallpapers"))
_SUFFIXES = (".jpg", ".jpeg", ".png")
_MOST_LOOKED_AT, _MOST = 5000, 200
_MOST_BYTES = 32 << 20
_SHORTEST_SIDE, _MOST_PIXELS = 256, 40_000_000


def wallpapers(folders: Sequence[Path] = FOLDERS) -> list[Path]:
    """The colour pictures in some folders, sorted by path; at most 200, without links.

    Only regular files of at most 32 MiB count that begin as a JPEG or PNG of 256 pixels a side or more, and of at most
    40 million pixels. Nothing but their beginning is read.
    """
    found: list[Path] = []
    for path in sorted(islice((path for folder in folders for path in _files(folder)), _MOST_LOOKED_AT)):
        if len(found) < _MOST and _is_colour_picture(path):
            found.append(path)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if name.lower().endswith(_SUFFIXES))


def _is_colour_picture(path: Path) -> bool:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            return False
        with opened_image(path) as image:
            small = min(image.size) < _SHORTEST_SIDE or image.width * image.height > _MOST_PIXELS
            return not small and image.mode in ("RGB", "RGBA")
    except (OSError, BadImageError):
        return False
