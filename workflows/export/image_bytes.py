"""Encoded image files → images of one shape, in TensorFlow operations, so that a SavedModel can hold it.

The counterpart of `builders.images.fit_image(open_image(file, value_range=…))`: the same formats, orientation, range of
values, alpha and grey, the same filter (Keys' bicubic, a = -0.5, as wide as the reduction), box and rounding.

Pillow's filter weights are fixed-point numbers, these are floating point: where an image is resized, one value in some
thousands differs by 1/255. Files of the right size are decoded exactly, JPEGs and alpha within one level.

Orientation is read as Pillow reads it. JPEG segments: ITU-T T.81, annex B. PNG chunks: ISO/IEC 15948, with eXIf. WebP:
RIFF chunks. EXIF: CIPA DC-008, section 4, tag 0x0112 of the first directory; without EXIF, XMP's `tiff:Orientation`.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from builders.pixel_values import ValueRange, to_8_bits
from builders.spec.data_types import Image

# ITU-R 601 luma in 16-bit fixed point, as Pillow computes it.
_LUMA = (19595, 38470, 7471)
_TAG = 0x0112
_MOST_ENTRIES = 256
_LONGEST = 2**20  # bytes of an EXIF block that are read
_WIDTHS = ((3, 2), (4, 4))  # EXIF's integer types, and their bytes
_XMP_IN_JPEG, _XMP_IN_PNG = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0"
_XMP_NOTE = b"tiff:Orientation"


def images_of(
    files: tf.Tensor, image: Image, shape: tuple[int, int, int], value_range: ValueRange | None = None
) -> tf.Tensor:
    """Decodes image files and fits them to one shape.

    Args:
        files: string [batch], the content of JPEG, PNG, WebP, BMP or GIF files of any size. TensorFlow decodes no
            other of the formats that data sets may have.
        image: How images are fitted.
        shape: (height, width, channels) of the result.
        value_range: The values, as files hold them, that become 0 and 1; as `builders.images.open_image` takes it.

    Returns:
        float32 [batch, height, width, channels] in [0, 1], in steps of 1/255.
    """
    each = tf.map_fn(
        lambda file: _fit(_with_channels(_decode(file, value_range), shape[2]), image, shape),
        files,
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
    )
    return tf.ensure_shape(each, (None, *shape))


def _decode(file: tf.Tensor, value_range: ValueRange | None) -> tf.Tensor:
    """int32 [height, width, 1 or 3] in 0…255, upright, transparent pixels on black."""
    # Bytes 24 and 25 of a PNG are the bits of a value and the colour type; 0 is grey.
    bits, colours = number_at(file, 24, 1), number_at(file, 25, 1)

    def jpeg() -> tf.Tensor:
        # Accurate like Pillow's decoder; TensorFlow's default is a faster, coarser transform.
        return levels(tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE", fancy_upscaling=True))

    def grey_png_of_16_bits() -> tf.Tensor:
        pixels = tf.io.decode_png(file, channels=1, dtype=tf.uint16)
        return _int32(pixels) // 256 if value_range is None else levels(pixels, 2**16)

    def grey_png_of_few_bits() -> tf.Tensor:
        # With several channels, TensorFlow does not scale values of few bits.
        pixels = _int32(tf.io.decode_png(file, channels=1))
        return tf.cond(bits == 1, lambda: pixels, lambda: levels(pixels))

    def png() -> tf.Tensor:
        return levels(_on_black(_int32(tf.io.decode_png(file, channels=4))))

    def webp() -> tf.Tensor:
        pixels = _int32(tf.io.decode_webp(file)[0])
        return levels(tf.cond(tf.shape(pixels)[2] == 4, lambda: _on_black(pixels), lambda: pixels))

    def other() -> tf.Tensor:
        pixels = tf.ensure_shape(tf.io.decode_image(file, expand_animations=False), (None, None, None))
        channels = tf.shape(pixels)[2]
        # A BMP of 32 bits has an alpha channel only if its header has an alpha mask.
        opaque = (channels != 4) | (number_at(file, 30, 4, little=True) == 0)
        pixels = _int32(pixels)
        return levels(tf.cond(opaque, lambda: pixels[..., : tf.minimum(channels, 3)], lambda: _on_black(pixels)))

    def levels(pixels: tf.Tensor, values: int = 256) -> tf.Tensor:
        if value_range is None:
            return _int32(pixels)
        return _int32(tf.gather(tf.constant(to_8_bits(np.arange(values), value_range)), _int32(pixels)))

    pixels = tf.case(
        [
            (is_jpeg(file), jpeg),
            (is_png(file) & (colours == 0) & (bits == 16), grey_png_of_16_bits),
            (is_png(file) & (colours == 0) & (bits < 8), grey_png_of_few_bits),
            (is_png(file), png),
            (is_webp(file), webp),
        ],
        default=other,
    )
    return upright(pixels, orientation(file))


def _int32(values) -> tf.Tensor:
    return tf.cast(values, tf.int32)


def _on_black(pixels: tf.Tensor) -> tf.Tensor:
    """int32 [height, width, 3] of [height, width, 4]."""
    return (pixels[..., :3] * pixels[..., 3:] + 127) // 255


def _with_channels(pixels: tf.Tensor, channels: int) -> tf.Tensor:
    colour = tf.repeat(pixels, 3 // tf.shape(pixels)[2], axis=2)
    colour = tf.ensure_shape(colour, (None, None, 3))
    if channels == 3:
        return colour
    return (tf.reduce_sum(colour * tf.constant(_LUMA), axis=2, keepdims=True) + 2**15) // 2**16


def _fit(pixels: tf.Tensor, image: Image, shape: tuple[int, int, int]) -> tf.Tensor:
    """float32 `shape` in [0, 1]: resized, and cut or padded."""
    size = tf.constant(shape[:2], tf.float32)
    old = tf.cast(tf.shape(pixels)[:2], tf.float32)
    scale = size / (1 - image.margin) / old
    if image.fit == "crop":
        scale = tf.fill([2], tf.reduce_max(scale))
    if image.fit == "pad":
        shown = tf.maximum(1.0, tf.round(tf.reduce_min(scale) * old))
        scale, offset = shown / old, tf.floor((size - shown) / 2)
    else:
        offset = (size - scale * old) / 2
    # Columns, then rows, each rounded, as in Pillow.
    across = _resize(tf.cast(pixels, tf.float32), (tf.shape(pixels)[0], shape[1]), scale, offset, axis=1)
    return _resize(across, shape[:2], scale, offset, axis=0) / 255.0


def _resize(pixels: tf.Tensor, size, scale: tf.Tensor, offset: tf.Tensor, axis: int) -> tf.Tensor:
    """Resizes along one axis, rounded to whole levels."""
    only = tf.one_hot(axis, 2)
    fitted = tf.raw_ops.ScaleAndTranslate(
        images=pixels[tf.newaxis],
        size=size,
        scale=tf.where(only > 0, scale, 1.0),
        translation=offset * only,
        kernel_type="keyscubic",
        antialias=True,
    )[0]
    return tf.clip_by_value(tf.round(fitted), 0.0, 255.0)


def orientation(file: tf.Tensor) -> tf.Tensor:
    """1 to 8, int32 scalar: the EXIF orientation of a JPEG, PNG or WebP file; 1 (upright) if it has none.

    Args:
        file: string scalar, the file's content.
    """
    none = tf.zeros([2, 2], tf.int64)
    places = tf.case(
        [
            (is_jpeg(file), lambda: _places_in_jpeg(file)),
            (is_png(file), lambda: _places_in_png(file)),
            (is_webp(file), lambda: _places_in_webp(file)),
        ],
        default=lambda: none,
    )
    exif, xmp = (_part(file, places[row, 0], places[row, 1]) for row in (0, 1))
    noted = _noted_in_exif(exif)
    noted = tf.cond(noted < 0, lambda: _noted_in_xmp(xmp), lambda: noted)
    return tf.cast(tf.where((noted >= 1) & (noted <= 8), noted, 1), tf.int32)


def is_jpeg(file: tf.Tensor) -> tf.Tensor:
    """Whether a file has a JPEG signature, bool scalar."""
    return _begins(file, 0, b"\xff\xd8\xff")


def is_png(file: tf.Tensor) -> tf.Tensor:
    """Whether a file has a PNG signature, bool scalar."""
    return _begins(file, 0, b"\x89PNG\r\n\x1a\n")


def is_webp(file: tf.Tensor) -> tf.Tensor:
    """Whether a file has a WebP signature, bool scalar."""
    return _begins(file, 0, b"RIFF") & _begins(file, 8, b"WEBP")


def number_at(file: tf.Tensor, at, length: int, little: bool | tf.Tensor = False) -> tf.Tensor:
    """An unsigned integer of at most 4 bytes at a position, int64 scalar; bytes beyond the end of the file are 0."""
    values = _bytes(file, at, length)
    return tf.where(little, _sum(values), _sum(values[::-1]))


def _sum(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values * [256**place for place in range(values.shape[0])])


def _bytes(file: tf.Tensor, at, length: int) -> tf.Tensor:
    """int64 [length]: bytes of a file, padded with zeros beyond its end."""
    found = tf.io.decode_raw(_part(file, at, length), tf.uint8)
    padded = tf.concat([tf.cast(found, tf.int64), tf.zeros([length], tf.int64)], axis=0)[:length]
    return tf.ensure_shape(padded, [length])


def _part(file: tf.Tensor, at, length) -> tf.Tensor:
    """string scalar: a part of a file, cut at its end."""
    size = tf.cast(tf.strings.length(file), tf.int64)
    return tf.strings.substr(file, tf.clip_by_value(tf.cast(at, tf.int64), 0, size), tf.cast(length, tf.int64))


def _begins(file: tf.Tensor, at, words: bytes) -> tf.Tensor:
    return tf.reduce_all(_bytes(file, at, len(words)) == tf.constant(list(words), tf.int64))


def _walk(file: tf.Tensor, start: int, goes_on: Callable, step: Callable) -> tf.Tensor:
    """int64 [2, 2]: (first byte, bytes) of EXIF and of XMP in a file; no bytes where there is none.

    Args:
        file: string scalar.
        start: Position of the first piece.
        goes_on: Position → whether to read the piece there.
        step: (position, places found so far) → the next position, and the places.
    """
    size = tf.cast(tf.strings.length(file), tf.int64)
    begin = (tf.constant(start, tf.int64), tf.zeros([2, 2], tf.int64))
    return tf.while_loop(lambda at, places: (at + 4 <= size) & goes_on(at), step, begin)[1]


def _noted(places: tf.Tensor, row: int, found: tf.Tensor, at, length) -> tf.Tensor:
    place = tf.stack([tf.cast(at, tf.int64), tf.cast(length, tf.int64)])
    return tf.where(found & (tf.range(2) == row)[:, tf.newaxis], place[tf.newaxis], places)


def _places_in_jpeg(file: tf.Tensor) -> tf.Tensor:
    def goes_on(at):
        # 0xDA starts the pixels, 0xD9 ends the file.
        marker = number_at(file, at + 1, 1)
        return (number_at(file, at, 1) == 0xFF) & (marker != 0xDA) & (marker != 0xD9)

    def step(at, places):
        length = number_at(file, at + 2, 2)
        app1 = number_at(file, at + 1, 1) == 0xE1
        places = _noted(places, 0, app1 & _begins(file, at + 4, b"Exif\0\0") & (places[0, 1] == 0), at + 4, length - 2)
        places = _noted(places, 1, app1 & _begins(file, at + 4, _XMP_IN_JPEG), at + 4, length - 2)
        # A marker may be preceded by fill bytes 0xFF.
        padded = number_at(file, at + 1, 1) == 0xFF
        return tf.where(padded, at + 1, at + 2 + tf.maximum(length, 2)), places

    return _walk(file, 2, goes_on, step)


def _places_in_png(file: tf.Tensor) -> tf.Tensor:
    def step(at, places):
        length = number_at(file, at, 4)
        places = _noted(places, 0, _begins(file, at + 4, b"eXIf"), at + 8, length)
        is_xmp = _begins(file, at + 4, b"iTXt" + _XMP_IN_PNG)
        return at + 12 + length, _noted(places, 1, is_xmp, at + 8, length)

    return _walk(file, 8, lambda at: ~_begins(file, at + 4, b"IEND"), step)


def _places_in_webp(file: tf.Tensor) -> tf.Tensor:
    def step(at, places):
        length = number_at(file, at + 4, 4, little=True)
        places = _noted(places, 0, _begins(file, at, b"EXIF"), at + 8, length)
        places = _noted(places, 1, _begins(file, at, b"XMP "), at + 8, length)
        return at + 8 + length + length % 2, places

    return _walk(file, 12, lambda at: tf.constant(True), step)


def _noted_in_exif(block: tf.Tensor) -> tf.Tensor:
    """int64 scalar: the orientation in an EXIF block; -1 where it has none."""
    tiff = _part(block, tf.where(_begins(block, 0, b"Exif\0\0"), 6, 0), _LONGEST)
    little = _begins(tiff, 0, b"II")
    directory = number_at(tiff, 4, 4, little)
    count = tf.minimum(number_at(tiff, directory, 2, little), _MOST_ENTRIES)

    def entry(index):
        return directory + 2 + 12 * index

    def is_other(index):
        return (index < count) & (number_at(tiff, entry(index), 2, little) != _TAG)

    [index] = tf.while_loop(is_other, lambda index: (index + 1,), (tf.constant(0, tf.int64),))
    kind, values = number_at(tiff, entry(index) + 2, 2, little), number_at(tiff, entry(index) + 4, 4, little)
    noted = tf.constant(0, tf.int64)
    for code, width in _WIDTHS:
        # Values that do not fit into the entry are stored at an offset.
        place = tf.where(values * width <= 4, entry(index) + 8, number_at(tiff, entry(index) + 8, 4, little))
        noted = tf.where(kind == code, number_at(tiff, place, width, little), noted)
    whole = (_begins(tiff, 0, b"II*\0") | _begins(tiff, 0, b"MM\0*")) & (values > 0)
    # A damaged block counts as upright.
    noted = tf.where(whole, noted, 1)
    return tf.where((tf.strings.length(tiff) > 0) & (index < count), noted, -1)


def _noted_in_xmp(block: tf.Tensor) -> tf.Tensor:
    """int64 scalar: the orientation in an XMP packet, in an attribute or an element; 1 where it has none."""
    behind = tf.strings.substr(tf.strings.split(block, _XMP_NOTE)[1:] + "   ", 0, 3)
    first, second, third = tf.unstack(
        tf.reshape(tf.cast(tf.io.decode_raw(behind, tf.uint8), tf.int64), [-1, 3]), axis=1
    )
    attribute, element = (first == ord("=")) & (second == ord('"')), first == ord(">")
    digits = tf.where(attribute, third, tf.where(element, second, 0)) - ord("0")
    return tf.concat([tf.boolean_mask(digits, (digits >= 0) & (digits <= 9)), [1]], axis=0)[0]


def upright(pixels: tf.Tensor, how: tf.Tensor) -> tf.Tensor:
    """Applies an EXIF orientation, 1 to 8, to an image [height, width, channels]."""
    turns = [
        lambda: pixels,
        lambda: pixels[:, ::-1],
        lambda: pixels[::-1, ::-1],
        lambda: pixels[::-1],
        lambda: tf.transpose(pixels, (1, 0, 2)),
        lambda: tf.transpose(pixels[::-1], (1, 0, 2)),
        lambda: tf.transpose(pixels[::-1, ::-1], (1, 0, 2)),
        lambda: tf.transpose(pixels, (1, 0, 2))[::-1],
    ]
    return tf.switch_case(how - 1, turns)
