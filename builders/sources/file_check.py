"""Finding damaged image files without decoding them."""

import os
import pathlib

from builders.images import BadImageError, opened_image

_TAIL_BYTES = 4096


def check_file(path: pathlib.Path) -> None:
    """Reads an image's header and the end of its file: finds other formats, damaged headers and files cut short.

    PNG checksums are compared. A JPEG's pixels are not decoded, so damage in its middle passes.

    Args:
        path: An image file.

    Raises:
        BadImageError: What is wrong with it.
    """
    with opened_image(path) as image:
        if image.format == "PNG":
            image.verify()
        elif image.format == "WEBP" and not _riff_is_whole(path):
            raise BadImageError("cut short: the file is smaller than its header says")
        elif image.format in ("BMP", "GIF") or (image.format == "JPEG" and not _jpeg_ends(path)):
            # Only decoding tells a JPEG that is cut short from a whole one with a camera's own data behind it.
            image.load()


def _jpeg_ends(path: pathlib.Path) -> bool:
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - _TAIL_BYTES))
        return b"\xff\xd9" in file.read()


def _riff_is_whole(path: pathlib.Path) -> bool:
    with open(path, "rb") as file:
        header = file.read(8)
    return os.path.getsize(path) >= int.from_bytes(header[4:8], "little") + 8
