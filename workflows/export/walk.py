"""What lies in an export: every file, link, empty folder, pipe and device, without following or opening any."""

import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import RequestError
from common.formatting import printable

FILE, LINK, EMPTY, OTHER = "a file", "a link", "an empty folder", "neither a file nor a folder"

# What version control and the Hugging Face Hub put beside a model when it travels.
TRAVEL = (".git", ".gitattributes", ".cache")


def walk(folder: Path, travel: bool = False) -> Iterator[tuple[str, str]]:
    """(relative path, what it is) of everything in a folder but the folders that hold something.

    Args:
        folder: Where to look.
        travel: Whether also to look at what a model has got by travelling.

    Raises:
        RequestError: A folder cannot be read.
    """
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(folder / inside) as found:
                entries = list(found)
        except OSError as error:
            raise RequestError(f"{printable(folder / inside)}: cannot be read ({error.strerror})") from None
        if inside and not entries:
            yield inside, EMPTY
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_symlink():
                yield name, LINK
            elif name in TRAVEL and not travel:
                continue
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            else:
                yield name, FILE if entry.is_file(follow_symlinks=False) else OTHER
