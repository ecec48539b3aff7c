"""Opening files of pictures, which may be damaged or made to harm: known formats only, within the memory there is."""

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, cast

from PIL import Image as Pillow
from PIL import PngImagePlugin

from builders import tiff
from builders.pixel_values import BadImageError
from common.files import memory_budget, open_regular
from common.picture_formats import FORMATS, named_formats
from common.program import installed

# Pillow refuses PNGs with more than one megabyte of compressed text or colour profile, which some programs write. More
# is allowed here, but not so much that sixteen threads fill the memory.
PngImagePlugin.MAX_TEXT_CHUNK = 32 << 20
PngImagePlugin.MAX_TEXT_MEMORY = 64 << 20

_LARGEST_FILE = 4 << 30
_LARGE_PIXELS = 32_000_000
_ONE_LARGE = threading.RLock()
_REGISTERING = threading.Lock()
_HEAD = 64
# Brands in the first box of a file, ISO/IEC 14496-12 and 23008-12. `mif1` and `msf1` are any picture, also an AVIF.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_ANY_BRANDS = {b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}


def open_file(source: str | os.PathLike | bytes) -> io.BufferedIOBase:
    """Opens an untrusted file, or its bytes. Raises BadImageError where it is missing, or not a regular file."""
    try:
        return io.BytesIO(source) if isinstance(source, bytes) else open_regular(source, _LARGEST_FILE)
    except OSError as error:
        raise BadImageError(error.strerror or str(error)) from None


@contextmanager
def opened_image(source: str | os.PathLike | bytes | io.BufferedIOBase, deep: bool = False) -> Iterator[Pillow.Image]:
    """Opens a file or its bytes with Pillow; all errors become BadImageError.

    Args:
        source: Path of a file, its bytes, or the open file.
        deep: Whether all bits of colours are needed, of which Pillow reads 8; only TIFF files then have more.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns above 89 megapixels, which a panorama may have, and refuses twice as many.
            warnings.simplefilter("ignore")
            file = source if isinstance(source, io.BufferedIOBase) else open_file(source)
            with file, _identified(file, deep) as image, _turn(image):
                yield image
    except Pillow.UnidentifiedImageError:
        raise BadImageError(f"not a {named_formats('or')} image") from None
    except BadImageError:
        raise
    except (OSError, Pillow.DecompressionBombError) as error:
        raise BadImageError(getattr(error, "strerror", None) or str(error)) from None
    except Exception as error:  # parsers raise errors of any type on damaged files
        if "MAX_TEXT" in str(error):
            limit = PngImagePlugin.MAX_TEXT_CHUNK >> 20
            raise BadImageError(f"more than {limit} MB of text or colour profile beside the picture") from None
        raise BadImageError(f"damaged file ({' '.join(str(error).split()) or type(error).__name__})") from None


def _identified(file: io.BufferedIOBase, deep: bool) -> Pillow.Image:
    head = file.read(_HEAD)
    file.seek(0)
    if _is_heic(head):
        _register_heic()
        return Pillow.open(cast(IO[bytes], file), formats=("HEIF",))
    is_tiff = head[:4] in tiff.SIGNATURES
    if is_tiff:
        tiff.silence()
    try:
        image = Pillow.open(cast(IO[bytes], file), formats=FORMATS)
    except Pillow.UnidentifiedImageError:
        if is_tiff:
            return tiff.WideTiff(cast(IO[bytes], file))
        raise
    if is_tiff and tiff.needs_tifffile(image, deep):
        return tiff.WideTiff(cast(IO[bytes], file))
    return image


def _is_heic(head: bytes) -> bool:
    if head[4:8] != b"ftyp":
        return False
    end = int.from_bytes(head[:4], "big")
    brands = {head[at : at + 4] for at in range(16, min(end, len(head)), 4)}
    return head[8:12] in _HEIC_BRANDS or (head[8:12] in _ANY_BRANDS and not brands & _AVIF_BRANDS)


def _register_heic() -> None:
    """Lets Pillow read HEIC. Raises BadImageError where the package for it is not installed."""
    with _REGISTERING:
        if "HEIF" in Pillow.OPEN:
            return
        try:
            import pillow_heif
        except ImportError:
            raise BadImageError(f"HEIC, which needs the package pillow-heif: {installed('heic')}") from None
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _turn(image: Pillow.Image) -> AbstractContextManager:
    """Large images are opened one after the other, because sixteen threads could fill the memory.

    JPEGs are excepted: most are decoded at a reduced size.
    """
    return _ONE_LARGE if image.format != "JPEG" and _is_large(image) else nullcontext()


def _needed(image: Pillow.Image) -> int:
    """Bytes that decoding takes."""
    pixels = image.width * image.height
    # Pillow stores a colour in four bytes, and blending transparency with black takes three more images. Deep values
    # are computed in floating point of 64 bits.
    if isinstance(image, tiff.WideTiff):
        return pixels * image.samples * 32 + image.tile_bytes()
    each = 8 if image.mode in ("1", "L", "RGB", "CMYK") else 32 if image.mode[0] in "IF" else 16
    return pixels * each + (tiff.tile_bytes(image) if image.format == "TIFF" else 0)


def _is_large(image: Pillow.Image) -> bool:
    return image.width * image.height > _LARGE_PIXELS or _needed(image) > _LARGE_PIXELS * 16


def check_room(image: Pillow.Image) -> None:
    """Refuses an image that takes more than `files.memory_budget`. Raises BadImageError."""
    if not _is_large(image):
        return
    needed, budget = _needed(image), memory_budget()
    if needed > budget:
        raise BadImageError(
            f"{image.width}×{image.height} pixels take {needed / 1e9:.1f} GB to decode, and RETRACE_MEMORY_BUDGET "
            f"allows {budget / 1e9:.1f} GB"
        )


def check_end(image: Pillow.Image, file: io.BufferedIOBase, size: int, tail: bytes) -> None:
    """Finds damage of an image whose header is known, above all files cut short; decodes only where nothing else can.

    Args:
        image: What `opened_image` yields.
        file: Its file; its position changes.
        size: Bytes in the file.
        tail: Its last bytes.

    Raises:
        BadImageError: The file is cut short.
        Exception: What Pillow raises on other damage, within `opened_image`.
    """
    if image.format == "PNG":
        image.verify()
        return
    if image.format in ("AVIF", "HEIF"):
        if _boxes_end(file, size) > size:
            raise BadImageError("cut short: the file is smaller than its header says")
        return
    if image.format == "WEBP":
        file.seek(4)
        if size < int.from_bytes(file.read(4), "little") + 8:
            raise BadImageError("cut short: the file is smaller than its header says")
        return
    cut = tiff.is_cut_short(image, size) if image.format == "TIFF" else None
    if cut:
        raise BadImageError("cut short: the file ends before its pixels")
    if image.format in ("BMP", "GIF") or (image.format == "JPEG" and b"\xff\xd9" not in tail):
        # Only decoding distinguishes a JPEG that is cut short from one with a camera's data after its end.
        image.load()
    elif image.format == "TIFF" and cut is None:
        check_room(image)
        image.load()


def _boxes_end(file: io.BufferedIOBase, size: int) -> int:
    """Where the last box of a file ends by its own header; ISO/IEC 14496-12, section 4.2."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end; others are no box, such as data of a camera behind the picture
            return at
        at += length
    return at
