"""Finding damaged image files without decoding them."""

import hashlib
import io
import os

from builders.images import BadImageError, open_file, opened_image

_TAIL_BYTES = 4096


def check_file(source: str | os.PathLike | bytes) -> int:
    """Reads an image's header and the end of its file: finds other formats, damaged headers and files cut short.

    PNG checksums are compared. A JPEG's pixels are not decoded, so damage in its middle passes.

    Args:
        source: Path of an image file, or its bytes.

    Returns:
        A trace of 64 bits, of the file's size and end: equal files have equal ones.

    Raises:
        BadImageError: What is wrong with it.
    """
    with open_file(source) as file:
        size, tail = _end(file)
        with opened_image(file) as image:
            if image.format == "PNG":
                image.verify()
            elif image.format == "WEBP":
                file.seek(4)
                if size < int.from_bytes(file.read(4), "little") + 8:
                    raise BadImageError("cut short: the file is smaller than its header says")
            elif image.format in ("BMP", "GIF") or (image.format == "JPEG" and b"\xff\xd9" not in tail):
                # Only decoding separates a JPEG that is cut short from a whole one with a camera's own data behind it.
                image.load()
    digest = hashlib.blake2b(tail, digest_size=8, key=size.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")


def _end(file: io.BufferedIOBase) -> tuple[int, bytes]:
    """Bytes in a file, and the last of them; where it is read next stays as it is."""
    if isinstance(file, io.BytesIO):
        content = file.getbuffer()
        return len(content), bytes(content[-_TAIL_BYTES:])
    size = os.fstat(file.fileno()).st_size
    return size, os.pread(file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
