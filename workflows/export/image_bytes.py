"""Encoded image files → images of one shape, in TensorFlow operations, so that a SavedModel can hold it.

The counterpart of `builders.images.fit_image(open_image(file))`: the same filter (Keys' bicubic, a = -0.5, as wide as
the reduction), the same box, the same rounding, the same grey, the same alpha. It differs in three ways:

- Pillow's filter weights are fixed-point numbers, these are floating point: where an image is resized, a value in some
  thousands differs by 1/255. Files that already have the size come out bit for bit.
- JPEG, PNG, BMP and GIF (its first frame) are read; WebP and CMYK JPEGs with an inverted palette are not.
- The orientation in a JPEG's EXIF block is applied, that in a PNG's is not.
"""

import tensorflow as tf

from builders.spec.types import Image
from workflows.export.exif import orientation, upright

# ITU-R 601 luma in 16-bit fixed point, as Pillow computes it.
_LUMA = (19595, 38470, 7471)


def images_of(files: tf.Tensor, image: Image, shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes image files and brings them to one shape.

    Args:
        files: string [batch], the content of JPEG, PNG, BMP or GIF files of any size.
        image: How images are fitted.
        shape: (height, width, channels) of the result.

    Returns:
        float32 [batch, height, width, channels] in [0, 1], in steps of 1/255.
    """
    each = tf.map_fn(
        lambda file: _fit(_with_channels(_decode(file), shape[2]), image, shape),
        files,
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
    )
    return tf.ensure_shape(each, (None, *shape))


def _decode(file: tf.Tensor) -> tf.Tensor:
    """int32 [height, width, 1 or 3] in 0…255, transparent pixels on black."""

    def jpeg() -> tf.Tensor:
        # Accurate like Pillow's decoder; TensorFlow's default is a faster, coarser transform.
        pixels = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE", fancy_upscaling=True)
        return upright(tf.cast(pixels, tf.int32), orientation(file))

    def other() -> tf.Tensor:
        pixels = tf.cast(tf.io.decode_image(file, expand_animations=False), tf.int32)
        pixels = tf.ensure_shape(pixels, (None, None, None))
        transparent = tf.equal(tf.shape(pixels)[2] % 2, 0)
        return tf.cond(transparent, lambda: (pixels[..., :-1] * pixels[..., -1:] + 127) // 255, lambda: pixels)

    return tf.cond(tf.io.is_jpeg(file), jpeg, other)


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
