"""TIFF files of other programs: every type, order of bytes, packing and layout gives the picture that was saved."""

import io
from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from builders.images import file_size, file_values, open_image
from builders.pixel_values import BadImageError
from builders.sources.source import check_file

HEIGHT, WIDTH = 40, 56


def gradient():
    """float64 [height, width, 3] in [0, 1], without symmetries."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    return np.stack([x, y, (x + y * y) / 2], -1)


COLOUR = gradient()
GREY = COLOUR[..., 2]


def stored(values, kind, white):
    return values.astype(kind) if white == 1 else np.rint(values * white).astype(kind)


def written(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def saved(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


def assert_shows(data, values, most=1, **how):
    """A file is `values` in [0, 1] with 8 bits; what its header and its end say is right as well."""
    expected = np.rint((values if values.ndim == 3 else values[..., None]) * 255)
    found = open_image(data, **how)
    assert found.shape == expected.shape and found.dtype == np.uint8
    assert np.abs(found - expected).max() <= most
    assert file_size(data) == found.shape[:2]
    check_file(data)
    return found


@pytest.mark.parametrize("packed", [None, "zlib"])
@pytest.mark.parametrize(
    ("kind", "white"),
    [
        ("uint8", 255),
        ("uint16", 65535),
        ("float16", 1),
        ("float32", 1),
        ("float64", 1),
        ("uint32", 255),
        ("int16", 255),
    ],
)
def test_tifffile_of_every_type_order_and_layout(kind, white, packed):
    for order, tile in product("<>", (None, (16, 16))):
        options = {"byteorder": order, "compression": packed, "tile": tile}
        grey, colour = stored(GREY, kind, white), stored(COLOUR, kind, white)
        assert_shows(written(grey, photometric="minisblack", **options), GREY)
        assert_shows(written(colour, photometric="rgb", **options), COLOUR)
        planes = np.moveaxis(colour, -1, 0)
        assert_shows(written(planes, photometric="rgb", planarconfig="separate", **options), COLOUR)
        assert file_values(written(grey, **options)) == (grey.min(), grey.max(), 65535 if white == 65535 else white)


@pytest.mark.parametrize("packed", [None, "tiff_lzw", "packbits", "jpeg", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "F"])
def test_pillow_of_every_mode_and_packing(mode, packed):
    colour = Pillow.fromarray(stored(COLOUR, np.uint8, 255))
    if mode in ("I;16", "F"):
        values = GREY
        image = Pillow.fromarray(stored(GREY, *((np.uint16, 65535) if mode == "I;16" else (np.float32, 1))))
    else:
        image = colour.convert(mode)
        values = np.asarray(image.convert("L" if mode in ("1", "L", "LA") else "RGB")) / 255
    if packed == "jpeg" and mode in ("1", "P", "I;16", "F"):
        return  # there is no such file
    assert_shows(saved(image, compression=packed), values, 8 if packed == "jpeg" else 1)


def test_transparency_is_black_also_in_deep_files():
    for kind, white, most in (("uint8", 255, 1), ("uint16", 65535, 2), ("float32", 1, 1)):
        full = {"uint8": 255, "uint16": 65535, "float32": 1}[kind]
        shade = np.broadcast_to(np.linspace(0, 1, WIDTH), (HEIGHT, WIDTH))
        data = np.concatenate([stored(COLOUR, kind, white), stored(shade, kind, full)[..., None]], -1)
        file = written(data, photometric="rgb", extrasamples=["unassalpha"])
        assert_shows(file, COLOUR * shade[..., None], most)
    grey = np.stack([stored(GREY, "uint16", 65535), stored(shade, "uint16", 65535)], -1)
    assert_shows(
        written(grey, photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig"), GREY * shade
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_to_files_of_all_types(orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    png = io.BytesIO()
    Pillow.fromarray(stored(GREY, np.uint8, 255)).save(png, "PNG", exif=exif)
    upright = open_image(png.getvalue())[..., 0] / 255
    for array, packed in product((stored(GREY, np.uint8, 255), stored(GREY, np.uint16, 65535)), (None, "tiff_lzw")):
        assert_shows(saved(Pillow.fromarray(array), exif=exif, compression=packed), upright)
    wide = written(GREY, extratags=[(274, 3, 1, orientation, True)])
    assert_shows(wide, upright)


def test_the_first_page_and_the_layouts_of_microscopes():
    deep = stored(GREY, np.uint16, 65535)
    for options in ({}, {"bigtiff": True}, {"imagej": True}, {"ome": True}):
        assert_shows(written(np.stack([deep, 65535 - deep]), **options), GREY)
    bytes_ = stored(COLOUR, np.uint8, 255)
    first, second = Pillow.fromarray(bytes_), Pillow.new("L", (3, 3))
    assert_shows(saved(first, save_all=True, append_images=[second]), COLOUR)
    for kind, white in (("uint8", 255), ("uint16", 65535)):
        for order in "<>":  # white is zero
            data = written(stored(GREY, kind, white), photometric="miniswhite", byteorder=order)
            assert_shows(data, 1 - GREY)
    assert_shows(written(deep, compression="zlib", predictor=True), GREY)


def test_a_value_range_reaches_all_bits_of_grey_and_colour():
    for values, meaning in ((GREY, "minisblack"), (COLOUR, "rgb")):
        twelve = written(stored(values, "uint16", 4095), photometric=meaning)
        assert_shows(twelve, values, value_range=(0, 4095))
        signed = written((values * 7 - 3).astype(np.float32), photometric=meaning)
        assert_shows(signed, values, value_range=(-3, 4))
        assert file_values(signed, deep=True) == (np.float32(-3), np.float32(4), 1)
        with pytest.raises(BadImageError, match="values from -3 to 4, expected 0 to 1; set value_range"):
            open_image(signed)
    nothing = written(np.full((4, 4), np.nan, np.float32))
    for how in ({}, {"value_range": (0, 1)}):
        with pytest.raises(BadImageError, match=r"values from nan|not finite"):
            open_image(nothing, **how)


@pytest.mark.parametrize(
    ("array", "options", "line"),
    [
        (np.zeros((8, 8, 5), np.uint16), {"photometric": "minisblack", "planarconfig": "contig"}, "5 channels of type"),
        (np.zeros((8, 8), np.complex64), {}, "8×8 complex64, expected one image"),
        (np.zeros((8, 8, 40), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}, "40 channels"),
    ],
)
def test_what_is_no_picture_is_a_line(array, options, line):
    with pytest.raises(BadImageError, match=line):
        open_image(written(array, **options))


def test_what_would_fill_the_memory_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "200MB")
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", None)
    zeros = np.zeros((64, 64), np.float64)
    large = written(np.zeros((6000, 6000), np.uint8), compression="zlib")  # 36 million pixels in 35 kB
    tile = written(stored(GREY, np.uint8, 255), tile=(16, 16), compression="zlib")
    # Tiles of 60,000 pixels, in an image of 56: TileWidth and TileLength are 322 and 323.
    for tag in (322, 323):
        entry = tag.to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little")
        short = tag.to_bytes(2, "little") + (3).to_bytes(2, "little") + (1).to_bytes(4, "little")
        place = next(at for at in (tile.find(entry), tile.find(short)) if at >= 0)
        tile = tile[:place] + entry + (60_000).to_bytes(4, "little") + tile[place + 12 :]
    for data in (large, tile):
        with pytest.raises(BadImageError, match="GB to decode, and RETRACE_MEMORY_BUDGET"):
            open_image(data)
    # A strip that unpacks to more than its rows.
    bomb = bytearray(written(zeros, compression="zlib"))
    height = bomb.find((257).to_bytes(2, "little"))
    rows = bomb.find((278).to_bytes(2, "little"))
    for place in (height, rows):
        bomb[place + 8 : place + 12] = (2).to_bytes(4, "little")
    with pytest.raises(BadImageError, match="it unpacks to more than its pixels"):
        open_image(bytes(bomb))
