"""AVIF and HEIC as phones write them, the package that HEIC needs, every suffix, and damaged files of new formats."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from builders.images import file_size, file_values, open_image
from builders.pixel_values import BadImageError
from builders.sources import open_source
from builders.sources.source import check_file
from builders.spec.values import Choice
from common.errors import RequestError
from common.picture_formats import FORMATS, SUFFIXES, named_formats

ROOT = Path(__file__).resolve().parents[2]
Y, X = np.mgrid[0:1:40j, 0:1:56j]
PIXELS = np.rint(np.stack([X, Y, (X + Y) / 2], -1) * 255).astype(np.uint8)


def encoded(form, mode="RGB", orientation=1):
    if form == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Pillow.fromarray(PIXELS).convert(mode).save(buffer, form, quality=95, exif=exif.tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
def test_pictures_of_phones_are_upright(form):
    turned = {1: PIXELS, 3: PIXELS[::-1, ::-1], 6: np.rot90(PIXELS, -1), 8: np.rot90(PIXELS)}
    for orientation, expected in turned.items():
        data = encoded(form, orientation=orientation)
        found = open_image(data)
        assert found.shape == expected.shape and np.abs(found.astype(int) - expected).mean() < 2
        assert file_size(data) == expected.shape[:2]
        check_file(data)
    assert open_image(encoded(form, "L")).shape == (40, 56, 1)
    assert file_values(encoded(form, "L"))[2] == 255


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
def test_files_cut_short_are_found_without_decoding(form):
    data = encoded(form)
    for kept in (len(data) - 1, len(data) // 2, 40):
        with pytest.raises(BadImageError):
            check_file(data[:kept])
    check_file(data + b"\0" * 100)  # what a phone appends is no damage


def test_heic_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "IMG_1.HEIC").write_bytes(encoded("HEIF"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Pillow.OPEN, "HEIF")
    source = open_source(Choice("folder", {"path": str(tmp_path)}))
    assert len(source) == 1 and not source.remarks
    with pytest.raises(BadImageError, match=r"HEIC, which needs the package pillow-heif: .*\[heic\]"):
        source.check(0)


def test_every_suffix_counts_and_every_message_names_every_format(tmp_path):
    pixels = Pillow.fromarray(PIXELS)
    for suffix in SUFFIXES:
        form = "HEIF" if suffix in (".heic", ".heif") else Pillow.registered_extensions()[suffix]
        data = encoded(form) if form == "HEIF" else _saved(pixels, form)
        (tmp_path / f"{suffix[1:]}{suffix.upper()}").write_bytes(data)
    source = open_source(Choice("folder", {"path": str(tmp_path)}))
    assert len(source) == len(SUFFIXES) == 13
    for index in range(len(source)):
        source.check(index)
        assert source.size_of(index) == (40, 56)
    (tmp_path / "none").mkdir()
    with pytest.raises(RequestError, match=f"holds no {named_formats('or')} image"):
        open_source(Choice("folder", {"path": str(tmp_path / "none")}))
    for page in ("data.md", "security.md"):
        assert named_formats("and") in (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert {"TIFF", "AVIF"} <= set(FORMATS)


def _saved(image, form):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


_MUTANTS = """
import resource, sys, time
from builders.images import file_size, file_values, open_fitted, open_image
from builders.pixel_values import BadImageError
from builders.sources.source import check_file
from builders.spec.data_types import Image
from tests.architectures.weights.mutants import mutant
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
data, lines = open(sys.argv[1], "rb").read(), 0
for seed in range(300):
    began, damaged = time.monotonic(), mutant(data, seed)
    for read in (check_file, file_values, lambda file: open_fitted(file, Image(), (8, 8))):
        try:
            read(damaged)
        except BadImageError as error:
            lines += 1
            assert "\\n" not in str(error)
    assert time.monotonic() - began < 10, seed
# Of this program alone: the maximum that getrusage knows is also that of the process which started it.
print(lines, open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("wide", {}),
        ("AVIF", {}),
        ("HEIF", {}),
    ],
)
def test_damaged_files_end_in_a_line_and_print_nothing(form, options, tmp_path):
    if form == "wide":
        import tifffile

        tifffile.imwrite(tmp_path / "x", PIXELS.astype(np.float32) / 255, photometric="rgb", compression="zlib")
    elif form == "HEIF":
        (tmp_path / "x").write_bytes(encoded(form))
    else:
        Pillow.fromarray(PIXELS).save(tmp_path / "x", form, **options)
    done = subprocess.run(
        [sys.executable, "-c", _MUTANTS, str(tmp_path / "x")], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines, kilobytes = map(int, done.stdout.split())
    assert lines > 100 and kilobytes < 600_000
