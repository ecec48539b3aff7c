"""Images are decoded as they are meant to be seen, and fitted without moving or blurring them."""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import PngImagePlugin

from builders import images, picture_files
from builders.images import file_size, file_values, fit_image, open_fitted, open_image, to_float
from builders.pixel_values import BadImageError
from builders.sources.source import check_file
from builders.spec.data_types import Image
from common.picture_formats import FORMATS


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def gradient(height, width):
    """A smooth colour picture without symmetries."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.rint(255 * np.stack([x, y, (x + y * y) / 2], -1)).astype(np.uint8)


def psnr(a, b):
    return 10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("form", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_keep_every_value(form):
    pixels = gradient(20, 31)
    data = encoded(Pillow.fromarray(pixels), form, **({"lossless": True} if form == "WEBP" else {}))
    np.testing.assert_array_equal(open_image(data), pixels)


def test_jpeg_stays_close_and_grey_keeps_one_channel():
    pixels = gradient(40, 64)
    assert psnr(open_image(encoded(Pillow.fromarray(pixels), "JPEG", quality=98)), pixels) > 40
    assert open_image(encoded(Pillow.fromarray(pixels).convert("L"), "JPEG")).shape == (40, 64, 1)


def test_gif_gives_its_first_frame():
    frames = [Pillow.new("P", (8, 6), colour) for colour in (0, 1)]
    for frame in frames:
        frame.putpalette([250, 10, 20, 30, 40, 50] + [0] * 762)
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(open_image(data), np.broadcast_to([250, 10, 20], (6, 8, 3)))


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = np.array([[0, 255, 256, 40_000, 65_535]], np.uint16)
    np.testing.assert_array_equal(open_image(encoded(Pillow.fromarray(values), "PNG"))[0, :, 0], [0, 0, 1, 156, 255])


def test_sixteen_bit_colour_is_scaled():
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + struct.pack(">6H", 0, 40_000, 65_535, 256, 255, 30_000)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 2, 1, 16, 2, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(open_image(data), [[[0, 156, 255], [1, 0, 117]]])


def test_transparency_lies_on_black_in_every_mode():
    pixels = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 128]]], np.uint8)
    expected = [[[200, 100, 50], [0, 0, 0], [100, 50, 25]]]
    np.testing.assert_allclose(open_image(encoded(Pillow.fromarray(pixels), "PNG")), expected, atol=1)
    grey = Pillow.fromarray(np.array([[[200, 255], [200, 0]]], np.uint8), "LA")
    np.testing.assert_array_equal(open_image(encoded(grey, "PNG")), [[[200], [0]]])
    palette = Pillow.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([9, 8, 7, 90, 80, 70])
    np.testing.assert_array_equal(open_image(encoded(palette, "PNG", transparency=1)), [[[9, 8, 7], [0, 0, 0]]])
    np.testing.assert_array_equal(open_image(encoded(palette, "PNG")), [[[9, 8, 7], [90, 80, 70]]])


def test_cmyk_and_bilevel():
    cmyk = Pillow.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow ink are red
    np.testing.assert_allclose(open_image(encoded(cmyk, "JPEG", quality=95))[8, 8], [255, 0, 0], atol=3)
    np.testing.assert_array_equal(open_image(encoded(Pillow.new("1", (2, 1), 1), "PNG")), [[[255], [255]]])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(640, 960), (641, 963)])
def test_every_exif_orientation_is_undone_in_full_and_in_draft(orientation, size):
    upright = gradient(*size)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = encoded(Pillow.fromarray(np.ascontiguousarray(stored)), "JPEG", quality=98, exif=exif)
    assert psnr(open_image(data), upright) > 40
    fitted = open_fitted(data, Image(), (32, 48))
    assert psnr(fitted, fit_image(upright, Image(), (32, 48))) > 40


def test_a_damaged_exif_block_does_not_condemn_the_picture():
    data = encoded(Pillow.fromarray(gradient(16, 16)), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert open_image(data).shape == (16, 16, 3)


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("margin", [0.0, 0.125])
@pytest.mark.parametrize("size", [(1541, 1203), (1024, 1024)])
def test_decoding_a_part_of_a_jpeg_changes_nothing_visible(fit, margin, size):
    """Random edges at odd sizes: the hardest case, since a drafted JPEG has a broken last column."""
    noise = np.random.default_rng(3).integers(0, 256, (size[0] // 16 + 1, size[1] // 16 + 1, 3), np.uint8)
    pixels = noise.repeat(16, 0).repeat(16, 1)[: size[0], : size[1]]
    data = encoded(Pillow.fromarray(pixels), "JPEG", quality=92, subsampling=0)
    image = Image(fit=fit, margin=margin)
    full = fit_image(open_image(data), image, (64, 96))
    drafted = open_fitted(data, image, (64, 96))
    assert drafted.shape == (64, 96, 3)
    assert psnr(drafted, full) > 44


def test_crop_takes_the_centre():
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    assert (fit_image(pixels, Image(), (10, 10)) == 255).all()


def test_margin_resizes_to_256_and_cuts_224():
    pixels = gradient(512, 640)
    resized = Pillow.fromarray(pixels).resize((320, 256), Pillow.Resampling.BICUBIC)
    expected = np.asarray(resized)[16:240, 48:272].astype(int)
    assert np.abs(fit_image(pixels, Image(margin=0.125), (224, 224)) - expected).max() <= 1


def test_stretch_equals_plain_resizing_and_pad_shows_everything_on_black():
    pixels = gradient(40, 80)
    stretched = fit_image(pixels, Image(fit="stretch"), (20, 20))
    np.testing.assert_array_equal(stretched, Pillow.fromarray(pixels).resize((20, 20), Pillow.Resampling.BICUBIC))
    padded = fit_image(pixels, Image(fit="pad"), (20, 20))
    assert (padded[:5] == 0).all() and (padded[15:] == 0).all()
    np.testing.assert_array_equal(padded[5:15], Pillow.fromarray(pixels).resize((20, 10), Pillow.Resampling.BICUBIC))


def test_resizing_is_antialiased():
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    np.testing.assert_allclose(fit_image(checks, Image(channels=1), (8, 8)), 127, atol=3)


def test_channels_and_range():
    pixels = gradient(4, 4)
    grey = fit_image(pixels, Image(channels=1), (4, 4))
    np.testing.assert_allclose(grey[..., 0], pixels @ [0.299, 0.587, 0.114], atol=1)
    assert (fit_image(grey, Image(channels=3), (4, 4)) == grey).all()
    assert to_float(np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("form", FORMATS)
def test_files_cut_short_and_other_files_are_refused(form, tmp_path):
    whole = encoded(Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)), form)
    path = tmp_path / "cut"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadImageError):
        open_image(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(BadImageError, match="not a JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC image"):
        open_image(path)
    with pytest.raises(BadImageError, match="No such file"):
        open_image(tmp_path / "gone.png")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK"])
def test_what_is_much_too_large_is_reduced_by_whole_factors(mode, tmp_path):
    image = Pillow.fromarray(np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((50, 50), np.uint8)))
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    image.convert(mode).save(path, **({"quality": 100} if mode == "CMYK" else {}))
    whole = open_image(path)
    assert open_image(path, longest=101).shape == whole.shape == (150, 200, whole.shape[-1])
    reduced = open_image(path, longest=60)
    if mode == "P":
        assert reduced.shape == whole.shape  # the numbers of a palette have no mean
        return
    assert max(reduced.shape[:2]) in (66, 67, 100)  # a JPEG is decoded at a half
    at = reduced.shape[1] / 4
    for row, column in ((0, 0), (1, 2), (2, 3)):
        colour = reduced[int((row + 0.5) * at), int((column + 0.5) * at)]
        assert np.abs(colour.astype(int) - (4 * row + column) * 20).max() <= 3
    # EXIF orientation is applied to what is left.
    exif = Pillow.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    assert open_image(tmp_path / "turned.png", longest=60).shape == (67, 50, 1)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt packed", "iCCP"])
def test_much_text_beside_a_png_is_no_damage(kind):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    info, text = PngImagePlugin.PngInfo(), "a" * (3 << 20)
    if kind.startswith("iTXt"):
        info.add_itxt("prompt", text, zip="packed" in kind)
    elif kind != "iCCP":
        info.add_text("prompt", text, zip=kind == "zTXt")
    extra = {"icc_profile": text.encode()} if kind == "iCCP" else {"pnginfo": info}
    data = encoded(Pillow.fromarray(pixels), "PNG", **extra)
    np.testing.assert_array_equal(open_image(data), pixels)
    check_file(data)


def test_text_that_would_fill_the_memory_is_refused_as_such():
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "a" * (33 << 20), zip=True)
    data = encoded(Pillow.new("L", (4, 4)), "PNG", pnginfo=info)
    assert len(data) < 100_000
    for read in (open_image, check_file):
        with pytest.raises(BadImageError, match="more than 32 MB of text or colour profile beside the picture"):
            read(data)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "LA", "RGBA"])
def test_a_value_range_stretches_files_of_8_bits_of_every_kind(mode):
    grey = np.array([[0, 1, 2, 3]], np.uint8)
    image = Pillow.fromarray(grey)
    if mode == "P":
        image = Pillow.fromarray(np.array([[0, 1, 2, 3]], np.uint8), "P")
        image.putpalette([value for value in range(256) for _ in range(3)])
    else:
        image = image.convert(mode)
    data = encoded(image, "PNG")
    shown = open_image(data, value_range=(0, 2))
    assert (shown == np.array([[[0], [128], [255], [255]]])).all()
    fitted = open_fitted(data, Image(channels=1), (1, 4), (0, 2))
    assert fitted[..., 0].tolist() == [[0, 128, 255, 255]]
    assert file_values(data) == (0, 3, 255)


def test_bilevel_files_are_black_and_white_in_any_range():
    data = encoded(Pillow.fromarray(np.array([[True, False]])), "PNG")
    assert open_image(data, value_range=(0, 1))[..., 0].tolist() == [[255, 0]]


def test_sizes_are_those_of_the_upright_picture():
    exif = Pillow.Exif()
    exif[0x0112] = 6
    for format in ("JPEG", "PNG", "WEBP"):
        assert file_size(encoded(Pillow.new("RGB", (9, 5)), format, exif=exif)) == (9, 5)
        assert file_size(encoded(Pillow.new("RGB", (9, 5)), format)) == (5, 9)


def test_large_images_are_decoded_one_at_a_time_and_within_the_budget(monkeypatch):
    monkeypatch.setattr(picture_files, "_LARGE_PIXELS", 1000)
    inside, most, flat = [], [], images._flat

    def slowly(image):
        inside.append(image)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return flat(image)

    monkeypatch.setattr(images, "_flat", slowly)
    large = encoded(Pillow.new("P", (40, 40)), "PNG", transparency=0)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_image, [large] * 8))
    assert max(most) == 1
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "20kB")
    for read in (open_image, lambda data: open_fitted(data, Image(), (8, 8))):
        with pytest.raises(BadImageError, match=r"40×40 pixels take 0\.0 GB to decode, and RETRACE_MEMORY_BUDGET"):
            read(large)
        read(encoded(Pillow.new("L", (40, 40)), "PNG"))
