"""Image files decoded and fitted in TensorFlow operations, against Pillow and `fit_image`."""

import functools
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as Pillow
from skimage import data

from builders.images import fit_image, open_image, to_float
from builders.spec.types import Image
from workflows.export.image_bytes import images_of

PHOTO = data.chelsea()[:201, :307]  # odd sides, so that boxes fall between pixels


def encoded(array, form="PNG", **options):
    buffer = io.BytesIO()
    (array if isinstance(array, Pillow.Image) else Pillow.fromarray(array)).save(buffer, form, **options)
    return buffer.getvalue()


@functools.cache
def fitting(image, shape):
    """Compiled once for each way to fit."""
    return tf.function(lambda files: images_of(files, image, shape), input_signature=[tf.TensorSpec([None], tf.string)])


def both(file, image, shape):
    """The images of a file: ours in TensorFlow, and the builders' with Pillow, in levels of 255."""
    theirs = to_float(fit_image(open_image(file), image, shape[:2]))
    ours = fitting(image, shape)(tf.constant([file, file])).numpy()
    assert ours.shape == (2, *shape) and ours.dtype == np.float32 and (ours[0] == ours[1]).all()
    return ours[0] * 255, theirs * 255


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("margin", [0.0, 0.125])
@pytest.mark.parametrize("size", [(64, 64), (40, 90), (300, 260)])
def test_fitting_is_the_builders_to_one_level(fit, margin, size):
    ours, theirs = both(encoded(PHOTO), Image(fit=fit, margin=margin), (*size, 3))
    difference = np.abs(ours - theirs)
    assert difference.max() <= 1 + 1e-4 and difference.mean() < 1e-3


def test_a_file_of_the_right_size_comes_out_as_it_is():
    for channels, pixels in ((3, PHOTO), (1, PHOTO[..., 0])):
        ours, theirs = both(encoded(pixels), Image(channels=channels), (201, 307, channels))
        assert (np.round(ours) == theirs.round()).all() and np.abs(ours - theirs).max() < 1e-4


ALPHA = np.dstack([PHOTO, np.linspace(0, 255, PHOTO[..., 0].size).reshape(PHOTO.shape[:2]).astype(np.uint8)])


@pytest.mark.parametrize(
    ("file", "most"),
    [
        (encoded(PHOTO, "JPEG", quality=90), 1),
        (encoded(PHOTO, "JPEG", quality=75, subsampling=2), 1),
        (encoded(PHOTO[..., 1], "JPEG"), 1),
        (encoded(PHOTO[..., 1]), 0),
        (encoded(ALPHA), 1),
        (encoded(Pillow.fromarray(ALPHA[..., [0, 3]], "LA")), 1),
        (encoded(Pillow.fromarray(PHOTO).quantize(64)), 0),
        (encoded(Pillow.fromarray(PHOTO).convert("1")), 0),
        (encoded(PHOTO[..., 0].astype(np.uint16) * 257 + 3), 0),
        (encoded(PHOTO, "BMP"), 0),
    ],
    ids=["jpeg", "subsampled", "grey jpeg", "grey", "alpha", "grey alpha", "palette", "bilevel", "16 bits", "bmp"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_file_is_seen_as_the_builders_see_it(file, most, channels):
    ours, theirs = both(file, Image(channels=channels), (201, 307, channels))
    assert np.abs(ours - theirs).max() <= most + 1e-4


@pytest.mark.parametrize("how", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_orientation_of_a_camera_is_applied(how, order):
    exif = Pillow.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112] = "a camera", how
    photo = PHOTO[:200, :304]
    file = encoded(photo, "JPEG", quality=95, exif=exif)
    shape = (304, 200, 3) if how >= 5 else (200, 304, 3)
    ours, theirs = both(file, Image(fit="stretch"), shape)
    assert np.abs(ours - theirs).max() <= 1 + 1e-4


def test_a_file_cut_short_inside_its_exif_is_upright():
    from workflows.export.exif import orientation

    exif = Pillow.Exif()
    exif[0x0112] = 6
    whole = encoded(PHOTO, "JPEG", exif=exif)
    read = tf.function(orientation)
    assert int(read(tf.constant(whole))) == 6
    for length in range(48):
        assert int(read(tf.constant(whole[:length]))) in (1, 6)
