"""Image files → uint8 arrays → the one shape of a dataset. Pillow and NumPy only."""

import math
import os

import numpy as np
from PIL import Image as Pillow

from builders import tiff
from builders.picture_files import check_room, opened_image
from builders.pixel_values import BadImageError, ValueRange, to_8_bits, to_uint8, usual_range, value_ends
from builders.spec.data_types import Dataset, Image

FILE_SOURCES = ("folder", "zip", "tar", "webdataset", "parquet")
"""The sources whose `value_range` is that of image files."""

# A JPEG is decoded at a half, quarter or eighth only while it stays this many times larger than the result, so that
# the antialiasing filter dominates; below, the decoder's own box filter would be visible.
_DRAFT_GAP = 3.0

_TURNS = {  # EXIF orientation → what undoes it
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}


def open_image(
    source: str | os.PathLike | bytes, longest: int | None = None, value_range: ValueRange | None = None
) -> np.ndarray:
    """Decodes a picture: of a GIF or another film its first frame, of a TIFF its first page.

    EXIF orientation is applied. Transparent pixels are blended with black, as `fit: pad` pads with black. Palettes,
    CMYK and bilevel images become RGB or grey; 16-bit values keep their upper 8 bits, as in `skimage.img_as_ubyte`,
    unless there is a value range. Numbers of other types, which TIFF files may have, mean what they mean in arrays
    (`pixel_values.to_uint8`). Colour profiles are not applied.

    Args:
        source: Path of a file, or its bytes.
        longest: An image with a side of at least twice as many pixels is reduced by an integer factor, to no fewer. It
            is in memory only once, which matters where it fills half of the memory.
        value_range: The values in the file that become 0 and 255: from 0 to 255 in files of 8 bits, from 0 to 65535 in
            files of 16. Values outside are clipped. Bilevel images stay black and white.

    Returns:
        uint8 [height, width, 1] of a grey image, [height, width, 3] of any other.

    Raises:
        BadImageError: Not an image of a known format, damaged, cut short, or its values need a value range.
    """
    with opened_image(source, deep=value_range is not None) as image:
        _check_depth(image, value_range)
        if longest is None or image.format == "TIFF":
            check_room(image)
        orientation = _orientation(image)
        reduced = image if longest is None else _reduced(image, longest)
        return _array(_upright(_plain(reduced, value_range), orientation))


def open_fitted(
    source: str | os.PathLike | bytes,
    image: Image,
    size: tuple[int, int],
    value_range: ValueRange | None = None,
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
    with opened_image(source, deep=value_range is not None) as opened:
        _check_depth(opened, value_range)
        check_room(opened)
        orientation = _orientation(opened)
        extent = _draft(opened, orientation, image, size) if opened.format == "JPEG" else None
        upright = _upright(_plain(opened, value_range), orientation)
        return _array(_fit(upright, image, size, extent or upright.size))


def file_value_range(dataset: Dataset) -> ValueRange | None:
    """The `value_range` of a dataset's image files; None where they use the full range, or sources have several."""
    given = [source.arguments.get("value_range") for source in dataset.sources if source.name in FILE_SOURCES]
    found = {None if ends is None else (float(ends[0]), float(ends[1])) for ends in given}
    return found.pop() if len(found) == 1 else None


def file_values(
    source: str | os.PathLike | bytes, trimmed: bool = False, deep: bool = False
) -> tuple[float, float, float]:
    """(lowest, highest, white) of the values in a file; white is 65535 in files of 16 bits, 1 in floating point.

    Args:
        source: Path of a file, or its bytes.
        trimmed: As `value_ends` takes it.
        deep: Whether to read all bits of colours, as with a value range, and not 8 of them.

    Raises:
        BadImageError: As `open_image`.
    """
    with opened_image(source, deep) as image:
        check_room(image)
        has_16_bits = _has_16_bits(image)
        values = _deep_values(image)
        if values is not None:
            return *value_ends(values, trimmed), (tiff.grey_range(image) or usual_range(values.dtype))[1]
        values = np.asarray(_flat(image))
        if has_16_bits:  # colours, of which Pillow keeps the upper 8 bits
            values = values.astype(np.int64) * 257
        return *value_ends(values, trimmed), 65535 if has_16_bits else 255


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


def _orientation(image: Pillow.Image) -> int:
    if image.format == "TIFF":  # Pillow turns it while decoding
        return image.orientation if isinstance(image, tiff.WideTiff) else 1
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # a damaged EXIF block does not affect the picture
        return 1


def _upright(image: Pillow.Image, orientation: int) -> Pillow.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _has_16_bits(image: Pillow.Image) -> bool:
    """Whether a file has 16 bits per value; it must not be decoded yet."""
    if image.format == "TIFF":
        return tiff.is_deep(image)
    return image.mode[0] == "I" or any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _check_depth(image: Pillow.Image, value_range: ValueRange | None) -> None:
    """Refuses a value range for 16-bit files that Pillow reads with 8 bits. Raises BadImageError."""
    if value_range is not None and image.format != "TIFF" and image.mode[0] != "I" and _has_16_bits(image):
        raise BadImageError(
            "16 bits with colour or transparency, of which 8 are read; value_range needs grey, or 8 bits"
        )


def _deep_values(image: Pillow.Image) -> np.ndarray | None:
    """[height, width] or [height, width, 3] values of more than 8 bits, as the file has them; None of other files."""
    if isinstance(image, tiff.WideTiff):
        return image.values()
    if image.mode[0] not in "IF":
        return None
    return tiff.grey_values(image) if image.format == "TIFF" else np.asarray(image).astype(np.uint16)


def _plain(image: Pillow.Image, value_range: ValueRange | None = None) -> Pillow.Image:
    """The image in mode L or RGB, its values in 8 bits."""
    values = _deep_values(image)
    if values is not None:
        return Pillow.fromarray(to_uint8(values, value_range or tiff.grey_range(image)))
    flat = _flat(image)
    if value_range is None or flat.mode == "1":
        return flat.convert("L") if flat.mode == "1" else flat
    return flat.point(to_8_bits(np.arange(256), value_range).tolist() * len(flat.mode))


def _flat(image: Pillow.Image) -> Pillow.Image:
    image.load()
    mode = image.mode
    if mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        opaque = Pillow.new("RGBA", image.size, (0, 0, 0, 255))
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("L" if mode in ("1", "L", "LA") else "RGB")
    if mode == "LAB":
        raise BadImageError("colours in CIELAB, expected RGB, CMYK or grey; save it as RGB")
    return image if mode in ("1", "L", "RGB") else image.convert("RGB")


def _reduced(image: Pillow.Image, longest: int) -> Pillow.Image:
    """Averages squares of pixels, so that the longer side has at least `longest` pixels."""
    if image.format == "JPEG":
        image.draft(None, (longest, longest))  # decodes no more than this takes
    factor = max(image.size) // longest
    if factor < 2 or isinstance(image, tiff.WideTiff) or image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image  # indices of a palette have no mean
    image.load()
    return image.reduce(factor)


def _array(image: Pillow.Image) -> np.ndarray:
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def _scaled(width: float, height: float, image: Image, size: tuple[int, int]) -> tuple[float, float]:
    """(width, height) of the whole image after resizing, before anything is cut off or padded."""
    across, down = size[1] / (1 - image.margin) / width, size[0] / (1 - image.margin) / height
    if image.fit == "crop":
        across = down = max(across, down)
    elif image.fit == "pad":
        across = down = min(across, down)
    return width * across, height * down


def _draft(opened: Pillow.Image, orientation: int, image: Image, size: tuple[int, int]) -> tuple[float, float] | None:
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


def fit_image(array: np.ndarray, image: Image, size: tuple[int, int]) -> np.ndarray:
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


def _fit(pillow: Pillow.Image, image: Image, size: tuple[int, int], extent: tuple[float, float]) -> Pillow.Image:
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


def _pad(pillow: Pillow.Image, image: Image, size: tuple[int, int], extent: tuple[float, float]) -> Pillow.Image:
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
