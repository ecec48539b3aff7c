"""TIFF files beyond what Pillow decodes to 8 bits: deep grey, and through tifffile 16-bit colours and floating point.

TIFF 6.0 (Adobe, 1992): tags 258 bits, 262 meaning, 273 and 279 strips, 322 to 325 tiles, 338 extra samples.
"""

import contextlib
import ctypes
import io
import logging
import os
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFile, _imaging

from builders.pixel_values import BadImageError, ValueRange
from common.files import memory_budget

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a file; the last two are BigTIFF."""

_BITS, _MEANING, _ORIENTATION = 258, 262, 274
_PLACES = ((273, 279), (324, 325))
_TILE_WIDTH, _TILE_HEIGHT, _SAMPLES, _PLANES, _TYPES = 322, 323, 277, 284, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ALPHA = (1, 2)
_NATIVE = {"F;32BF": "F;32NF", "I;16BS": "I;16NS", "I;32BS": "I;32NS"}
_PLAIN, _PACKBITS, _DEFLATE = 1, 32773, (8, 32946)
_MOST_SAMPLES = 16


class WideTiff(ImageFile.ImageFile):
    """The first page of a TIFF file, read by tifffile with all its bits; it has the attributes of a Pillow image.

    Args:
        fp: The file, at any position.

    Raises:
        BadImageError: It takes more memory than there is, or its values are neither grey nor colours.
    """

    format = "TIFF"
    format_description = "TIFF of any type of values"

    def _open(self) -> None:
        import tifffile

        self.fp.seek(0, os.SEEK_END)
        if self.fp.tell() > memory_budget() // 4:
            raise BadImageError("a TIFF of this type is read whole, and is larger than RETRACE_MEMORY_BUDGET allows")
        self.fp.seek(0)
        content = io.BytesIO(self.fp.read())  # of which no damaged length can make us read more
        page: Any = tifffile.TiffFile(content, is_lsm=False).pages[0]
        axes, shape, dtype = str(page.axes), tuple(page.shape), page.dtype
        if axes not in ("YX", "YXS", "SYX") or dtype is None or dtype.kind not in "buif":
            raise BadImageError(f"a page of {'×'.join(map(str, shape))} {dtype or 'packed values'}, expected one image")
        sides = dict(zip(axes, shape))
        self.samples = sides.get("S", 1)
        if self.samples > _MOST_SAMPLES:
            raise BadImageError(f"{self.samples} channels, expected grey or colour")
        self._mode = "F" if self.samples == 1 else "RGB"
        self._size = (sides["X"], sides["Y"])
        self._page, self._axes, self._dtype = page, axes, dtype
        turned = page.tags.get(_ORIENTATION)
        self.orientation = turned.value if turned is not None and isinstance(turned.value, int) else 1
        self.segments = [*page.dataoffsets], [*page.databytecounts]

    def tile_bytes(self) -> int:
        """Bytes of one tile, where there are tiles."""
        shape = self._page.tile or (0,)
        return int(np.prod(shape, dtype=object)) * self.samples * self._dtype.itemsize

    def values(self) -> np.ndarray:
        """Values as stored, [height, width] or [height, width, 3], transparent ones blended with black."""
        self._check_compression()
        array = np.asarray(self._page.asarray(maxworkers=1))
        array = np.moveaxis(array, 0, -1) if self._axes == "SYX" else array
        array = array[..., None] if array.ndim == 2 else array
        colours = 3 if int(self._page.photometric) == _RGB else 1
        extra = tuple(int(kind) for kind in self._page.extrasamples)
        known = int(self._page.photometric) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
        left = array.shape[-1] - colours
        if not known or left < 0 or (left > 1 and colours == 1):
            meaning = getattr(self._page.photometric, "name", self._page.photometric)
            raise BadImageError(f"{array.shape[-1]} channels of type {meaning}, expected grey or colour")
        pixels = array[..., :colours]
        if left and extra and extra[0] in _ALPHA:
            pixels = _on_black(pixels, array[..., colours], extra[0] == 1)
        if colours == 1 and int(self._page.photometric) == _WHITE_IS_ZERO:
            pixels = _inverted(pixels)
        return pixels[..., 0] if colours == 1 else pixels

    def _check_compression(self) -> None:
        """Refuses what tifffile cannot unpack alone, and what would unpack to more than its place."""
        compression = int(self._page.compression)
        if compression not in (_PLAIN, _PACKBITS, *_DEFLATE):
            name = getattr(self._page.compression, "name", compression)
            raise BadImageError(
                f"{self._dtype} in {self.samples} channels packed with {name}; save it with deflate, or unpacked"
            )
        if compression not in _DEFLATE:
            return
        most = max(self.tile_bytes(), self.width * self.height * self.samples * self._dtype.itemsize)
        content = self._page.parent.filehandle
        for offset, count in zip(*self.segments):
            content.seek(offset)
            unpacker = zlib.decompressobj()
            if len(unpacker.decompress(content.read(count), most + 1)) > most:
                raise BadImageError("damaged file (it unpacks to more than its pixels)")


def _on_black(colours: np.ndarray, alpha: np.ndarray, is_premultiplied: bool) -> np.ndarray:
    if is_premultiplied:
        return colours
    opaque = 1 if colours.dtype.kind == "f" else np.iinfo(colours.dtype).max
    return (colours * (alpha[..., None].astype(np.float64) / opaque)).astype(colours.dtype)


def _inverted(values: np.ndarray) -> np.ndarray:
    return np.iinfo(values.dtype).max - values if values.dtype.kind == "u" else values


@cache
def silence() -> None:
    """Keeps libtiff, Pillow and tifffile from printing what is wrong with a file: their errors say it too."""
    for name in ("PIL.TiffImagePlugin", "tifffile"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # Where Pillow was built with its own libtiff, there is nothing to call.
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)


def needs_tifffile(image: Pillow.Image, deep: bool) -> bool:
    """Whether Pillow would not give all bits of a TIFF's colours, where they are needed, or mix up their planes."""
    tags = _tags(image)
    is_separate = _numbers(tags, _PLANES)[:1] == [2]
    return image.mode[0] not in "IF" and max(_numbers(tags, _BITS), default=1) > 8 and (deep or is_separate)


def is_deep(image: Pillow.Image) -> bool:
    """Whether a TIFF has values of more than 8 bits."""
    return isinstance(image, WideTiff) or any(bits > 8 for bits in _numbers(_tags(image), _BITS))


def grey_values(image: Pillow.Image) -> np.ndarray:
    """The values of a TIFF in one of Pillow's modes of many bits: uint16, int32, uint32 or float32 [height, width]."""
    _correct_order(image)
    tags, values = _tags(image), np.asarray(image)
    if image.mode.startswith("I;16"):
        values = values.astype(np.uint16)  # of either byte order
        return _inverted(values) if _numbers(tags, _MEANING)[:1] == [_WHITE_IS_ZERO] else values
    if image.mode == "I" and _numbers(tags, _TYPES)[:1] in ([], [1]):
        return values.view(np.uint32)  # Pillow has no unsigned numbers of 32 bits
    return values


def _correct_order(image: Pillow.Image) -> None:
    """libtiff returns numbers in the machine's order; Pillow 13 takes some for those of the file's."""
    if isinstance(image, ImageFile.ImageFile) and len(image.tile) == 1 and image.tile[0].codec_name == "libtiff":
        [tile] = image.tile
        raw, *others = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        image.tile = [tile._replace(args=(_NATIVE.get(str(raw), raw), *others))]


def grey_range(image: Pillow.Image) -> ValueRange | None:
    """Black and white where the number of bits decides and not the type: from 0 to 4095 in files of 12 bits."""
    if image.format != "TIFF" or isinstance(image, WideTiff) or not image.mode.startswith("I;16"):
        return None
    bits = max(_numbers(_tags(image), _BITS), default=16)
    return (0, 2**bits - 1) if bits < 16 else None


def tile_bytes(image: Pillow.Image) -> int:
    """Bytes of one tile of a TIFF, which a decoder allocates whatever the size of the image."""
    if isinstance(image, WideTiff):
        return image.tile_bytes()
    sides = [max(_numbers(_tags(image), tag), default=0) for tag in (_TILE_WIDTH, _TILE_HEIGHT)]
    return sides[0] * sides[1] * max(_numbers(_tags(image), _SAMPLES), default=1) * 2


def is_cut_short(image: Pillow.Image, size: int) -> bool | None:
    """Whether pixels of a TIFF are behind the end of its file, of so many bytes; None where only decoding can tell."""
    if isinstance(image, WideTiff):
        places = image.segments
    else:
        found = [[_numbers(_tags(image), tag) for tag in tags] for tags in _PLACES]
        places = next(((offsets, counts) for offsets, counts in found if offsets), ([], []))
    offsets, counts = places
    if not offsets or len(offsets) != len(counts):
        return None
    return any(count and offset + count > size for offset, count in zip(offsets, counts))


def _tags(image: Pillow.Image) -> Mapping[int, Any]:
    return getattr(image, "tag_v2", {})


def _numbers(tags: Mapping[int, Any], tag: int) -> list[int]:
    found = tags.get(tag, ())
    return [int(value) for value in (found if isinstance(found, tuple) else (found,)) if isinstance(value, int)]
