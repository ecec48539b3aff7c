"""Finding the image files below a folder, for datasets and for commands that take a folder."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import RequestError
from common.formatting import printable
from common.picture_formats import SUFFIXES

# Files and folders of operating systems. Names that begin with a dot are left out as well.
_SYSTEM_NAMES = {
    *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),  # network storage
    *("$recycle.bin", "system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini"),  # Windows
    *("__macosx", "icon\r", "lost+found", "__pycache__"),
}

# Links that lead into each other would make the number of paths through a few folders explode.
_MOST_LINKS = 3


@dataclass
class Found:
    """The files below a folder.

    Attributes:
        images: Paths inside the folder, with forward slashes, sorted. They include broken links and FIFOs with an
            image's suffix, which fail when they are opened.
        others: Suffix in lower case, with its dot → number of files with it that are no images.
        loops: Links that were not followed, because they lead to a folder above them or are nested too deep.
    """

    images: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    loops: list[str] = field(default_factory=list)


def is_left_out(name: str) -> bool:
    """Whether a file or folder is hidden or belongs to the system, by its name."""
    return name[0] == "." or name.lower() in _SYSTEM_NAMES


def is_image(name: str) -> bool:
    """Whether a file counts as an image, by its name."""
    return not is_left_out(name) and name.lower().endswith(SUFFIXES)


def list_images(folder: str | os.PathLike) -> list[Path]:
    """The images below a folder, however deep, sorted.

    Raises:
        RequestError: A folder cannot be read.
    """
    try:
        return [Path(folder, name) for name in find_images(folder).images]
    except OSError as error:
        raise RequestError(f"cannot look into '{printable(str(error.filename))}': {error.strerror}") from None


def find_images(folder: str | os.PathLike, suffixes: tuple[str, ...] = SUFFIXES) -> Found:
    """Searches a folder. Links are followed, except to folders above them.

    Args:
        folder: Where to begin.
        suffixes: How the names of the files end, in lower case.

    Raises:
        OSError: A folder cannot be read.
    """
    found = Found()
    above: tuple[tuple[int, int], ...] = (_identity(folder),)
    waiting = [(os.fspath(folder), "", above, 0)]
    while waiting:
        path, inside, above, links = waiting.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                lower = entry.name.lower()
                if is_left_out(lower):
                    continue
                name = inside + entry.name
                if not _is_folder(entry):
                    if lower.endswith(suffixes):
                        found.images.append(name)
                    else:
                        found.others[os.path.splitext(lower)[1]] += 1
                    continue
                identity, passed = _identity(entry.path), links + entry.is_symlink()
                if identity in above or passed > _MOST_LINKS:
                    found.loops.append(name)
                else:
                    waiting.append((entry.path, f"{name}/", (*above, identity), passed))
    found.images.sort()
    return found


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(path: str | os.PathLike) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
