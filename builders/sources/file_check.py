"""Finding damaged image files without decoding them."""

import os
import pathlib

from builders.images import BadImageError, opened_image

_TAIL_BYTES = 4096


def check_file(file: pathlib.Path | bytes) -> None:
    """Reads an image's header and the end of its file: finds other formats, damaged headers and files cut short.

    PNG checksums are compared. A JPEG's pixels are not decoded, so damage in its middle passes.

    Args:
        file: An image file, or its bytes.

    Raises:
        BadImageError: What is wrong with it.
    """
    with opened_image(file) as image:
        if image.format == "PNG":
            image.verify()
        elif image.format == "WEBP" and not _riff_is_whole(file):
            raise BadImageError("cut short: the file is smaller than its header says")
        elif image.format in ("BMP", "GIF") or (image.format == "JPEG" and not _jpeg_ends(file)):
            # Only decoding tells a JPEG that is cut short from a whole one with a camera's own data behind it.
            image.load()


def _jpeg_ends(file: pathlib.Path | bytes) -> bool:
    if isinstance(file, bytes):
        return b"\xff\xd9" in file[-_TAIL_BYTES:]
    with open(file, "rb") as opened:
        opened.seek(max(0, os.path.getsize(file) - _TAIL_BYTES))
        return b"\xff\xd9" in opened.read()


def _riff_is_whole(file: pathlib.Path | bytes) -> bool:
    if isinstance(file, bytes):
        header, size = file[:8], len(file)
    else:
        with open(file, "rb") as opened:
            header, size = opened.read(8), os.path.getsize(file)
    return size >= int.from_bytes(header[4:8], "little") + 8
