"""Encoded image files → images of one shape, in TensorFlow operations, so that a SavedModel can hold it.

The counterpart of `builders.images.fit_image(open_image(file, value_range=…))`: the same formats, orientation, range of
values, alpha and grey, the same filter (Keys' bicubic, a = -0.5, as wide as the reduction), box and rounding.

Pillow's filter weights are fixed-point numbers, these are floating point: where an image is resized, a value in some
thousands differs by 1/255. Files that already have the size come out bit for bit, JPEGs and alpha within a level.
"""

import numpy as np
import tensorflow as tf

from builders.images import ValueRange, to_8_bits
from builders.spec.types import Image
from workflows.export.exif import is_jpeg, is_png, is_webp, number_at, orientation, upright

# ITU-R 601 luma in 16-bit fixed point, as Pillow computes it.
_LUMA = (19595, 38470, 7471)


def images_of(
    files: tf.Tensor, image: Image, shape: tuple[int, int, int], value_range: ValueRange | None = None
) -> tf.Tensor:
    """Decodes image files and brings them to one shape.

    Args:
        files: string [batch], the content of JPEG, PNG, WebP, BMP or GIF files of any size.
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
    """int32 [height, width, 1 or 3] in 0…255 as it is meant to be seen, transparent pixels on black."""
    # Bytes 24 and 25 of a PNG are the bits of a value and the kind of its colours, of which 0 is grey.
    bits, colours = number_at(file, 24, 1), number_at(file, 25, 1)

    def jpeg() -> tf.Tensor:
        # Accurate like Pillow's decoder; TensorFlow's default is a faster, coarser transform.
        return levels(tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE", fancy_upscaling=True))

    def grey_png_of_16_bits() -> tf.Tensor:
        pixels = tf.io.decode_png(file, channels=1, dtype=tf.uint16)
        return _int32(pixels) // 256 if value_range is None else levels(pixels, 2**16)

    def grey_png_of_few_bits() -> tf.Tensor:
        # With more channels than one, TensorFlow leaves values of few bits as small as they are in the file.
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
        # A BMP of 32 bits has an alpha channel only where it says which bits those are.
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
    # Columns, then rows, each rounded: as Pillow goes about it.
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
