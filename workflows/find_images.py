"""The image files that a command's arguments stand for."""

import os
from collections.abc import Iterable
from pathlib import Path

from builders.image_files import list_images
from builders.images import SUFFIXES
from common.errors import RequestError
from run_directory.run import is_run


def find_images(arguments: Iterable[str | os.PathLike]) -> list[Path]:
    """The image files that paths stand for: files as they are, folders with all images that a dataset would take.

    Raises:
        RequestError: A path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            inside = list_images(path)
            if not inside:
                hint = "; a run comes before the images" if is_run(path) else ""
                raise RequestError(f"{path}: no images in this folder (looked for {', '.join(SUFFIXES)}){hint}")
            found.extend(inside)
        elif path.exists():
            found.append(path)
        else:
            raise RequestError(f"{path}: no such image, folder or run")
    if not found:
        raise RequestError("reconstruct: give at least one image file or folder")
    return found
