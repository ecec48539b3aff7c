"""Image files → uint8 arrays → the one shape of a dataset. Pillow and NumPy only."""

import io
import math
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, cast

import numpy as np
from PIL import Image as Pillow
from PIL import PngImagePlugin

from builders.spec import types
from common.files import memory_budget, open_regular

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
FILE_SOURCES = ("folder", "zip", "tar", "webdataset", "parquet")
"""The sources whose `value_range` is that of image files."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")

# A JPEG is decoded at a half, quarter or eighth only while it stays this many times larger than the result, so that
# the antialiasing filter dominates; below, the decoder's own box filter would be visible.
_DRAFT_GAP = 3.0

# Pillow refuses PNGs with more than one megabyte of compressed text or colour profile, which some programs write. More
# is allowed here, but not so much that sixteen threads fill the memory.
PngImagePlugin.MAX_TEXT_CHUNK = 32 << 20
PngImagePlugin.MAX_TEXT_MEMORY = 64 << 20

_LARGEST_FILE = 4 << 30
_LARGE_PIXELS = 32_000_000
_ONE_LARGE = threading.RLock()

ValueRange = tuple[float, float]
"""The values of black and white."""

_TURNS = {  # EXIF orientation → what undoes it
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}


class BadImageError(Exception):
    """An image that cannot be used. The message does not contain its name."""


def open_image(
    source: str | os.PathLike | bytes, longest: int | None = None, value_range: ValueRange | None = None
) -> np.ndarray:
    """Decodes a JPEG, PNG, WebP, BMP or GIF (its first frame).

    EXIF orientation is applied. Transparent pixels are blended with black, as `fit: pad` pads with black. Palettes,
    CMYK and bilevel images become RGB or grey; 16-bit values keep their upper 8 bits, as in `skimage.img_as_ubyte`,
    unless there is a value range. Colour profiles are not applied.

    Args:
        source: Path of a file, or its bytes.
        longest: An image with a side of at least twice as many pixels is reduced by an integer factor, to no fewer. It
            is in memory only once, which matters where it fills half of the memory.
        value_range: The values in the file that become 0 and 255: from 0 to 255 in files of 8 bits, from 0 to 65535 in
            files of 16. Values outside are clipped. Bilevel images stay black and white.

    Returns:
        uint8 [height, width, 1] of a grey image, [height, width, 3] of any other.

    Raises:
        BadImageError: Not an image of these formats, or damaged or cut short.
    """
    with opened_image(source) as image:
        _check_depth(image, value_range)
        if longest is None:
            _check_room(image)
        orientation = _orientation(image)
        reduced = image if longest is None else _reduced(image, longest)
        return _array(_upright(_plain(reduced, value_range), orientation))


def open_fitted(
    source: str | os.PathLike | bytes, image: types.Image, size: tuple[int, int], value_range: ValueRange | None = None
) -> np.ndarray:
    """`fit_image` of `open_image`, several times faster for JPEGs much larger than needed.

    Args:
        source: Path of a file, or its bytes.
        image: How images are fitted.
        size: (height, width) in pixels of the result.
        value_range: As `open_image` takes it.

    Returns:
        uint8 [size[0], size[1], image.channels].

    Raises:
        BadImageError: As `open_image`.
    """
    with opened_image(source) as opened:
        _check_depth(opened, value_range)
        _check_room(opened)
        orientation = _orientation(opened)
        extent = _draft(opened, orientation, image, size) if opened.format == "JPEG" else None
        upright = _upright(_plain(opened, value_range), orientation)
        return _array(_fit(upright, image, size, extent or upright.size))


def file_value_range(dataset: types.Dataset) -> ValueRange | None:
    """The `value_range` of a dataset's image files; None where they use the full range."""
    found = dataset.source.arguments.get("value_range") if dataset.source.name in FILE_SOURCES else None
    return None if found is None else (float(found[0]), float(found[1]))


def value_ends(values: np.ndarray, trimmed: bool = False) -> tuple[float, float]:
    """The lowest and the highest value.

    Args:
        values: Of any shape, not empty.
        trimmed: Whether to ignore a thousandth at either end, at least three values: dead pixels and a camera's marks.
    """
    if not trimmed:
        return float(values.min()), float(values.max())
    left_out = min(max(3, values.size // 1000), (values.size - 1) // 2)
    ends = left_out, values.size - 1 - left_out
    ordered = np.partition(values.reshape(-1), ends)
    return float(ordered[ends[0]]), float(ordered[ends[1]])


def file_values(source: str | os.PathLike | bytes, trimmed: bool = False) -> tuple[float, float, int]:
    """(lowest, highest, white) of the values in a file; white is 65535 in files of 16 bits, else 255.

    Args:
        source: Path of a file, or its bytes.
        trimmed: As `value_ends` takes it.

    Raises:
        BadImageError: As `open_image`.
    """
    with opened_image(source) as image:
        deep = _has_16_bits(image)
        values = np.asarray(image if image.mode.startswith("I") else _plain(image))
        if deep and not image.mode.startswith("I"):  # colours, of which Pillow keeps the upper 8 bits
            values = values.astype(np.int64) * 257
        return *value_ends(values, trimmed), 65535 if deep else 255


def file_size(source: str | os.PathLike | bytes) -> tuple[int, int]:
    """(height, width) of an image in pixels, upright, from its header alone.

    Raises:
        BadImageError: As `open_image`, as far as the header shows it.
    """
    with opened_image(source) as image:
        width, height = image.size
        # Reading the orientation of a PNG that has none before its pixels would decode it.
        known = image.format != "PNG" or "exif" in image.info
        return (width, height) if known and 5 <= _orientation(image) <= 8 else (height, width)


def open_file(source: str | os.PathLike | bytes) -> io.BufferedIOBase:
    """Opens an untrusted file, or its bytes. Raises BadImageError where it is missing, or not a regular file."""
    try:
        return io.BytesIO(source) if isinstance(source, bytes) else open_regular(source, _LARGEST_FILE)
    except OSError as error:
        raise BadImageError(error.strerror or str(error)) from None


@contextmanager
def opened_image(source: str | os.PathLike | bytes | io.BufferedIOBase) -> Iterator[Pillow.Image]:
    """Opens a file or its bytes with Pillow; all errors of Pillow become BadImageError."""
    try:
        with warnings.catch_warnings():
            # Pillow warns above 89 megapixels, which a panorama may have, and refuses twice as many.
            warnings.simplefilter("ignore")
            file = source if isinstance(source, io.BufferedIOBase) else open_file(source)
            with file, Pillow.open(cast(IO[bytes], file), formats=FORMATS) as image, _turn(image):
                yield image
    except Pillow.UnidentifiedImageError:
        raise BadImageError("not a JPEG, PNG, WebP, BMP or GIF image") from None
    except BadImageError:
        raise
    except (OSError, Pillow.DecompressionBombError) as error:
        raise BadImageError(getattr(error, "strerror", None) or str(error)) from None
    except Exception as error:  # Pillow's parsers raise errors of any type on damaged files
        if "MAX_TEXT" in str(error):
            limit = PngImagePlugin.MAX_TEXT_CHUNK >> 20
            raise BadImageError(f"more than {limit} MB of text or colour profile beside the picture") from None
        raise BadImageError(f"damaged file ({' '.join(str(error).split()) or type(error).__name__})") from None


def _turn(image: Pillow.Image) -> AbstractContextManager:
    """Large images are opened one after the other, because sixteen threads could fill the memory.

    JPEGs are excepted: most are decoded at a reduced size.
    """
    return _ONE_LARGE if image.format != "JPEG" and image.width * image.height > _LARGE_PIXELS else nullcontext()


def _check_room(image: Pillow.Image) -> None:
    """Refuses an image that takes more than `files.memory_budget`. Raises BadImageError."""
    if image.width * image.height <= _LARGE_PIXELS:
        return
    # Pillow stores a colour in four bytes, and blending transparency with black takes three more images.
    needed = image.width * image.height * (8 if image.mode in ("1", "L", "RGB", "CMYK") else 16)
    budget = memory_budget()
    if needed > budget:
        raise BadImageError(
            f"{image.width}×{image.height} pixels take {needed / 1e9:.1f} GB to decode, and RETRACE_MEMORY_BUDGET "
            f"allows {budget / 1e9:.1f} GB"
        )


def _orientation(image: Pillow.Image) -> int:
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # a damaged EXIF block does not affect the picture
        return 1


def _upright(image: Pillow.Image, orientation: int) -> Pillow.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def to_8_bits(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Numbers → uint8 of the same shape: the range becomes 0 to 255, values outside are clipped."""
    black, white = value_range
    return np.rint(np.clip((values.astype(np.float64) - black) / (white - black), 0, 1) * 255).astype(np.uint8)


def _has_16_bits(image: Pillow.Image) -> bool:
    """Whether a file has 16 bits per value; it must not be decoded yet."""
    return image.mode.startswith("I") or any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _check_depth(image: Pillow.Image, value_range: ValueRange | None) -> None:
    """Refuses a value range for 16-bit files that Pillow reads with 8 bits. Raises BadImageError."""
    if value_range is not None and not image.mode.startswith("I") and _has_16_bits(image):
        raise BadImageError(
            "16 bits with colour or transparency, of which 8 are read; value_range needs grey, or 8 bits"
        )


def _plain(image: Pillow.Image, value_range: ValueRange | None = None) -> Pillow.Image:
    """The image in mode L or RGB, its values in 8 bits."""
    if value_range is None:
        return _flat(image)
    if image.mode.startswith("I"):
        return Pillow.fromarray(to_8_bits(np.asarray(image), value_range))
    flat = _flat(image)
    return flat if image.mode == "1" else flat.point(to_8_bits(np.arange(256), value_range).tolist() * len(flat.mode))


def _flat(image: Pillow.Image) -> Pillow.Image:
    image.load()
    mode = image.mode
    if mode.startswith("I"):  # 16-bit grey; Pillow's own conversion to 8 bits would clip it at 255
        return Pillow.fromarray(np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8))
    if mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        opaque = Pillow.new("RGBA", image.size, (0, 0, 0, 255))
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("L" if mode in ("1", "L", "LA") else "RGB")
    if mode == "1":
        return image.convert("L")
    return image if mode in ("L", "RGB") else image.convert("RGB")


def _reduced(image: Pillow.Image, longest: int) -> Pillow.Image:
    """Averages squares of pixels, so that the longer side has at least `longest` pixels."""
    if image.format == "JPEG":
        image.draft(None, (longest, longest))  # decodes no more than this takes
    factor = max(image.size) // longest
    if factor < 2 or image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image  # indices of a palette have no mean
    image.load()
    return image.reduce(factor)


def _array(image: Pillow.Image) -> np.ndarray:
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def _scaled(width: float, height: float, image: types.Image, size: tuple[int, int]) -> tuple[float, float]:
    """(width, height) of the whole image after resizing, before anything is cut off or padded."""
    across, down = size[1] / (1 - image.margin) / width, size[0] / (1 - image.margin) / height
    if image.fit == "crop":
        across = down = max(across, down)
    elif image.fit == "pad":
        across = down = min(across, down)
    return width * across, height * down


def _draft(
    opened: Pillow.Image, orientation: int, image: types.Image, size: tuple[int, int]
) -> tuple[float, float] | None:
    """Decodes a large JPEG at a reduced size. Returns the upright image's exact (width, height) in new pixels.

    1541 columns at an eighth are 192.6 pixels, and Pillow returns 193; ignoring the 0.4 would move edges.
    """
    width, height = opened.size
    if orientation in _TURNS and (width % 8 or height % 8):
        return None  # turning would move the partial pixel away from the right or bottom, where it is cut off
    turned = orientation >= 5
    needed = _scaled(height, width, image, size) if turned else _scaled(width, height, image, size)
    if turned:
        needed = needed[::-1]
    draft = opened.draft(None, (math.ceil(needed[0] * _DRAFT_GAP), math.ceil(needed[1] * _DRAFT_GAP)))
    if draft is None:
        return None
    _, (_, _, exact_width, exact_height) = draft
    return (exact_height, exact_width) if turned else (exact_width, exact_height)


def fit_image(array: np.ndarray, image: types.Image, size: tuple[int, int]) -> np.ndarray:
    """Fits an image to a size and number of channels, antialiased (bicubic, support grows with the reduction).

    Args:
        array: uint8 [height, width, 1 or 3].
        image: `fit`, `margin` and `channels`. Grey from colour is ITU-R 601 luma.
        size: (height, width) in pixels of the result.

    Returns:
        uint8 [size[0], size[1], image.channels].
    """
    pillow = Pillow.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[-1] == 1 else array))
    return _array(_fit(pillow, image, size, pillow.size))


def _fit(pillow: Pillow.Image, image: types.Image, size: tuple[int, int], extent: tuple[float, float]) -> Pillow.Image:
    """`extent` is the (width, height) of the picture in `pillow`, from its upper left corner."""
    height, width = size
    pillow = pillow.convert("L" if image.channels == 1 else "RGB")
    if pillow.size == (width, height) == tuple(extent) and not image.margin:
        return pillow
    if image.fit == "pad":
        return _pad(pillow, image, size, extent)
    scaled_width, scaled_height = _scaled(*extent, image, size)
    # Cut and resize in one pass. The filter reads beyond the box, so the edges equal those of resizing first.
    box_width, box_height = width * extent[0] / scaled_width, height * extent[1] / scaled_height
    left, top = (extent[0] - box_width) / 2, (extent[1] - box_height) / 2
    # Rounding must not push the box past an edge, which Pillow refuses.
    box = (max(left, 0), max(top, 0), min(left + box_width, extent[0]), min(top + box_height, extent[1]))
    return pillow.resize((width, height), Pillow.Resampling.BICUBIC, box=box)


def _pad(pillow: Pillow.Image, image: types.Image, size: tuple[int, int], extent: tuple[float, float]) -> Pillow.Image:
    width, height = (max(1, round(side)) for side in _scaled(*extent, image, size))
    canvas = Pillow.new(pillow.mode, size[::-1])
    shown = pillow.resize((width, height), Pillow.Resampling.BICUBIC, box=(0, 0, *extent))
    # With a margin the picture is larger than the canvas, and its edges are cut off.
    canvas.paste(shown, ((size[1] - width) // 2, (size[0] - height) // 2))
    return canvas


def to_float(array: np.ndarray) -> np.ndarray:
    """uint8 → float32 in [0, 1]; floating point passes through as float32."""
    return array.astype(np.float32) / np.float32(255) if array.dtype == np.uint8 else array.astype(np.float32)


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """An image whose longer side is at most `side` pixels, each the mean of the pixels it covers.

    Args:
        image: uint8 [height, width, 1 or 3].
        side: In pixels.

    Returns:
        uint8, with as many channels; the image itself where it is small enough.
    """
    height, width, channels = image.shape
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    picture = Pillow.fromarray(image[..., 0] if channels == 1 else image).resize(size, Pillow.Resampling.BOX)
    return np.asarray(picture).reshape(size[1], size[0], channels)
