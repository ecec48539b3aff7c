"""`data` says what a spec's images are before anything is trained, without TensorFlow, and draws a batch of them."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import cli
from common.errors import RequestError
from common.picture_formats import named_formats
from workflows.console import new_console
from workflows.describe_data import describe_data

ROOT = Path(__file__).resolve().parent.parent.parent
SPEC = """\
dataset:
  source: {folder: {path: %s}}
  image: {size: [8, 12], channels: 1}
  batch_size: 6
  augment: [{random_flip: {axis: both}}]
encoder: {layers: [Flatten, {Dense: {units: 4}}]}
decoder: {layers: [{Dense: {units: 96}}, {Reshape: {target_shape: [8, 12, 1]}}]}
loss: {l1: 1}
"""


@pytest.fixture
def spec(tmp_path):
    random = np.random.default_rng(0)
    for split, count in (("train", 5), ("val", 2), ("test", 3), ("extra", 1)):
        for kind in ("cat", "$$[/dog]"):
            folder = tmp_path / "images" / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                side = 8 * (1 + number)
                values = random.integers(0, 4096, (side, side * 3 // 2 if number else 20), np.uint16)
                Pillow.fromarray(values).save(folder / f"{number}.png")
    images = tmp_path / "images"
    (images / "test" / "cat" / "same.png").write_bytes((images / "train" / "cat" / "0.png").read_bytes())
    (images / "train" / "cat" / "IMG.SVG").write_bytes(b"x")
    (images / "val" / "cat" / "bad.png").write_bytes(b"x")
    os.rename(images / "val" / "cat" / "1.png", os.fsencode(images / "val" / "cat") + b"/caf\xe9.png")
    (tmp_path / "a.yaml").write_text(SPEC % images)
    return tmp_path / "a.yaml"


def said(spec, *overrides, **options):
    out = io.StringIO()
    describe_data(str(spec), overrides, new_console(out), **options)
    return out.getvalue()


def test_splits_sizes_values_and_what_is_left_out_are_said(spec):
    with pytest.raises(RequestError, match=r"1 unreadable image: val/cat/bad\.png: not a JPEG"):
        said(spec)
    text = said(spec, "dataset.on_bad_image=skip")
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["train"] == ["10", "2", "5", "8×20", "24×36", "40×60", "20%", "0%", *rows["train"][-2:]]
    assert rows["validation"][:3] == ["4", "2", "2"] and rows["test"][:3] == ["7", "2", "3–4"]
    assert rows["train"][-1] == "0–65535" and rows["train"][-2].split("–")[1] in ("4095", "4094", "4093")
    for line in (
        "24 images in the source, 21 in splits",
        f"1 file is left out, for only {named_formats('and')} can be read: 1 .svg",
        "no split uses the images of 'extra' (2)",
        "set dataset.source.folder.value_range, such as [0, 4095]",
        "1 image is in several splits (1 in train and test), such as test/cat/same.png (test)",
        "skipped, for unreadable: 1: val/cat/bad.png: not a JPEG",
    ):
        assert line in text, line


def test_a_source_of_one_size_and_one_without_files(spec):
    text = said(spec, "dataset.source={digits: {}}", "dataset.split={train: 64, test: 16}")
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["train"][:2] == ["64", "10"] and "28×28" in rows["train"] and "5,000 images in the source, 80" in text
    assert "no image is in several splits" in text
    assert "equal images were not looked for" in said(spec, "dataset.source={photos: {crops: 5, held_out_crops: 2}}")


def test_the_command_needs_no_tensorflow(spec):
    code = (
        "import sys\nsys.path.insert(0, '.')\nimport cli\n"
        f"status = cli.main(['data', {str(spec)!r}, '--set', 'dataset.on_bad_image=skip'])\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "24 images in the source" in done.stdout and not done.stderr


def test_a_mistake_has_the_place_where_it_was_written(spec, capsys):
    assert cli.main(["data", str(spec)]) == 2
    assert capsys.readouterr().err.startswith(f"{spec}:2:3: dataset.source: 1 unreadable image")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_batch_is_drawn_as_the_network_sees_it(spec, tmp_path, suffix):
    text = said(spec, "dataset.on_bad_image=skip", plot=str(tmp_path / f"batch.{suffix}"))
    assert f"drawn: {tmp_path / f'batch.{suffix}'}" in text
    content = (tmp_path / f"batch.{suffix}").read_bytes()
    if suffix == "svg":
        assert content.count(b"<image ") == 6
    if suffix == "png":
        with Pillow.open(tmp_path / "batch.png") as picture:
            assert picture.size[0] > 600 and len(set(picture.convert("L").tobytes())) > 50
    said(spec, "dataset.on_bad_image=skip", plot=str(tmp_path / f"batch.{suffix}"))  # its own file may be replaced


def test_a_picture_replaces_nothing_of_the_users(spec, tmp_path, capsys):
    other = tmp_path / "mine.png"
    other.write_bytes(b"mine")
    assert cli.main(["data", str(spec), "--plot", str(other)]) == 2
    assert other.read_bytes() == b"mine" and "mine.png" in capsys.readouterr().err
    inside = tmp_path / "images" / "train" / "cat" / "0.png"
    before = inside.read_bytes()
    assert cli.main(["data", str(spec), "--plot", str(inside), "--force"]) == 2 and inside.read_bytes() == before
    assert cli.main(["data", str(spec), "--plot", str(tmp_path / "a.txt")]) == 2
