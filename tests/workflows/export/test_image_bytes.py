"""Image files decoded and fitted in TensorFlow operations, against Pillow and `fit_image`."""

import functools
import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from skimage import data

from builders.images import fit_image, open_image, to_float
from builders.spec.data_types import Image
from workflows.export.image_bytes import images_of

PHOTO = data.chelsea()[:201, :307]  # odd sides, so that boxes fall between pixels


def encoded(array, form="PNG", **options):
    buffer = io.BytesIO()
    (array if isinstance(array, Pillow.Image) else Pillow.fromarray(array)).save(buffer, form, **options)
    return buffer.getvalue()


@functools.cache
def fitting(image, shape, value_range=None):
    """Compiled once for each way to fit."""
    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(lambda files: images_of(files, image, shape, value_range), input_signature=signature)


def both(file, image, shape, value_range=None):
    """The images of a file: ours in TensorFlow, and the builders' with Pillow, in levels of 255."""
    theirs = to_float(fit_image(open_image(file, value_range=value_range), image, shape[:2]))
    ours = fitting(image, shape, value_range)(tf.constant([file, file])).numpy()
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


SQUARE = PHOTO[:96, 40:136]
GREY = SQUARE[..., 1]
SHADE = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (96, 1))
PALETTE = Pillow.fromarray(SQUARE).quantize(64)
# (kind, image, format, options, how many levels it may differ by)
KINDS = [
    ("jpeg", SQUARE, "JPEG", {"quality": 92}, 1),
    ("grey jpeg", GREY, "JPEG", {}, 1),
    ("progressive jpeg", SQUARE, "JPEG", {"progressive": True}, 1),
    ("cmyk jpeg", Pillow.fromarray(SQUARE).convert("CMYK"), "JPEG", {}, 1),
    ("png", SQUARE, "PNG", {}, 0),
    ("grey png", GREY, "PNG", {}, 0),
    ("alpha png", np.dstack([SQUARE, SHADE]), "PNG", {}, 1),
    ("grey alpha png", Pillow.fromarray(np.dstack([GREY, SHADE]), "LA"), "PNG", {}, 1),
    ("palette png", PALETTE, "PNG", {}, 0),
    ("transparent palette png", PALETTE, "PNG", {"transparency": bytes(range(0, 256, 4))}, 1),
    ("transparent grey png", GREY, "PNG", {"transparency": int(GREY[3, 4])}, 0),
    ("transparent colour png", SQUARE, "PNG", {"transparency": tuple(map(int, SQUARE[3, 4]))}, 0),
    ("bilevel png", Pillow.fromarray(SQUARE).convert("1"), "PNG", {}, 0),
    ("16 bit png", GREY.astype(np.uint16) * 257 + 3, "PNG", {}, 0),
    ("webp", SQUARE, "WEBP", {"quality": 90}, 0),
    ("lossless webp", SQUARE, "WEBP", {"lossless": True}, 0),
    ("alpha webp", np.dstack([SQUARE, SHADE]), "WEBP", {"lossless": True, "exact": True}, 1),
    (
        "animated webp",
        SQUARE,
        "WEBP",
        {"lossless": True, "save_all": True, "append_images": [Pillow.fromarray(SQUARE[::-1])]},
        0,
    ),
    ("grey webp", GREY, "WEBP", {"lossless": True}, 0),
    ("bmp", SQUARE, "BMP", {}, 0),
    ("grey bmp", GREY, "BMP", {}, 0),
    ("alpha bmp", np.dstack([SQUARE, SHADE]), "BMP", {}, 0),
    ("gif", PALETTE, "GIF", {}, 0),
    ("grey gif", GREY, "GIF", {}, 0),
    ("transparent gif", PALETTE, "GIF", {"transparency": 5}, 0),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("pixels", "form", "options", "most"), [kind[1:] for kind in KINDS], ids=[k[0] for k in KINDS])
def test_a_picture_is_the_same_on_every_road(pixels, form, options, most, channels):
    for how in range(1, 9) if form in ("JPEG", "PNG", "WEBP") else (1,):
        exif = Pillow.Exif()
        exif.endian = "<>"[how % 3 // 2]
        exif[0x010F], exif[0x0112] = "a camera", how
        file = encoded(pixels, form, **options, **({} if how == 1 else {"exif": exif}))
        ours, theirs = both(file, Image(channels=channels), (96, 96, channels))
        assert np.abs(ours - theirs).max() <= most + 1e-4, how


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_grey_png_of_few_bits_is_seen_as_the_builders_see_it(bits):
    packed = np.packbits(np.unpackbits(GREY[..., None], axis=-1)[..., :bits].reshape(96, -1), axis=-1)
    rows = np.concatenate([np.zeros((96, 1), np.uint8), packed], axis=1)  # each begins with its filter, none
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 96, 96, bits, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows.tobytes()))]
    file = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in [*chunks, (b"IEND", b"")]
    )
    for value_range in (None, (20.0, 180.0)):
        ours, theirs = both(file, Image(), (96, 96, 3), value_range)
        assert np.abs(ours - theirs).max() < 1e-4 and len(np.unique(theirs)) > 1


@pytest.mark.parametrize("value_range", [(20.0, 180.0), (0.0, 4095.0)])
@pytest.mark.parametrize(("pixels", "form", "options"), [kind[1:4] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_a_range_of_values_is_the_datasets(pixels, form, options, value_range):
    ours, theirs = both(encoded(pixels, form, **options), Image(), (96, 96, 3), value_range)
    # What differs by a level before is stretched with the range.
    assert np.abs(ours - theirs).max() <= 2 + 1e-4


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {}</rdf:Description></x:xmpmeta>'


@pytest.mark.parametrize("how", [0, 6, 9])
@pytest.mark.parametrize("note", ['tiff:Orientation="{}">', "><tiff:Orientation>{}</tiff:Orientation>", ">none {}"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_noted_in_xmp_counts_where_exif_has_none(form, note, how):
    packet = XMP.format(note.format(how))
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet)
    options = {"pnginfo": text} if form == "PNG" else {"xmp": packet.encode()}
    for noted in ({}, {0x0112: 3}, {0x010F: "a camera"}):
        exif = Pillow.Exif()
        exif.update(noted)
        file = encoded(SQUARE, form, **options, **({"exif": exif} if noted else {}))
        ours, theirs = both(file, Image(), (96, 96, 3))
        assert np.abs(ours - theirs).max() <= 1 + 1e-4


def with_entry(tag, kind, count, value):
    """An EXIF block of one entry, as bytes."""
    return b"II*\0" + struct.pack("<IHHHI", 8, 1, tag, kind, count) + value + bytes(4)


@pytest.mark.parametrize(
    "block",
    [
        with_entry(0x0112, 3, 1, b"\6\0\0\0"),
        with_entry(0x0112, 4, 1, b"\6\0\0\0"),
        with_entry(0x0112, 1, 1, b"\6\0\0\0"),
        with_entry(0x0112, 3, 2, b"\6\0\3\0"),
        with_entry(0x0112, 3, 3, b"\x1a\0\0\0")[:-4] + bytes(4) + b"\6\0\3\0\3\0",
        with_entry(0x0112, 3, 1, b"\x0b\0\0\0"),
        with_entry(0x0112, 3, 1, b"\6\0\0\0")[:-9],
        b"XX*\0" + with_entry(0x0112, 3, 1, b"\6\0\0\0")[4:],
        b"II*\0\xff\xff\xff\xff",
        b"",
    ],
    ids=["short", "long", "byte", "two values", "three values", "eleven", "cut", "no TIFF", "far away", "empty"],
)
def test_a_strange_exif_block_turns_a_picture_as_pillow_does(block):
    file = encoded(SQUARE, "PNG", exif=b"Exif\0\0" + block)
    ours, theirs = both(file, Image(), (96, 96, 3))
    assert (np.round(ours) == theirs).all()


def test_a_file_cut_short_inside_its_exif_is_upright():
    from workflows.export.image_bytes import orientation

    exif = Pillow.Exif()
    exif[0x0112] = 6
    whole = encoded(PHOTO, "JPEG", exif=exif)
    read = tf.function(orientation)
    assert int(read(tf.constant(whole))) == 6
    for length in range(48):
        assert int(read(tf.constant(whole[:length]))) in (1, 6)
