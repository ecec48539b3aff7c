"""Values that fill little of their range are said, with the key that helps; and the key helps."""

import numpy as np
import pytest
from PIL import Image as Pillow

from builders import dataset_builder
from builders.dataset_builder import DatasetBuilder
from builders.spec.data_types import Dataset, Image, SplitPart
from builders.spec.types import Decoder, Encoder, Spec
from builders.spec.values import Choice


def remarks(source, arguments, split=None):
    dataset = Dataset(
        source=Choice(source, arguments),
        image=Image(size=8, channels=1),
        split=split or {"train": SplitPart("rest")},
    )
    return DatasetBuilder(Spec(dataset=dataset, encoder=Encoder(), decoder=Decoder(), loss={})).build().remarks


def pictures(highest, kind, lowest=0):
    images = np.random.default_rng(0).uniform(lowest, highest, (12, 8, 8))
    images[0, 0, 0], images[1, 0, 0] = lowest, highest
    return images.astype(kind) if kind == "f4" else np.rint(images).astype(kind)


@pytest.mark.parametrize(
    "images, said, key",
    [
        (pictures(4095, "u2"), "values reach only from 0 to 4095, of 0 (black) to 65535 (white)", "[0, 4095]"),
        (pictures(255, "u2"), "values reach only from 0 to 255, of 0 (black) to 65535 (white)", "[0, 255]"),
        (pictures(3900, "u2"), "values reach only from 0 to 3900, of 0", "[0, 4095]"),
        (pictures(16383, "u2"), "values reach only from 0 to 16383, of 0", "[0, 16383]"),
        (pictures(1, "u1"), "values reach only from 0 to 1, of 0 (black) to 255 (white)", "[0, 1]"),
        (pictures(33000, "u2", 30000), "values reach only from 30000 to 33000, of 0", "[30000, 33000]"),
    ],
)
@pytest.mark.parametrize("source", ["folder", "arrays"])
@pytest.mark.parametrize("memory", [0.25, 0.0])
def test_ranges_that_nobody_meant_are_said_with_the_key(tmp_path, monkeypatch, images, said, key, source, memory):
    monkeypatch.setattr(dataset_builder, "MEMORY_SHARE", memory)
    arguments = {"path": str(tmp_path)} if source == "folder" else {"images": str(tmp_path / "x.npy")}
    np.save(tmp_path / "x.npy", images)
    for number, image in enumerate(images):
        Pillow.fromarray(image).save(tmp_path / f"{number}.png")
    found = [line for line in remarks(source, arguments) if "values" in line]
    assert len(found) == 1 and found[0].startswith(said)
    assert found[0].endswith(
        f"; if others mean black and white, set dataset.source.{source}.value_range, such as {key}"
    )
    low, high = map(float, key.strip("[]").split(","))
    assert not [line for line in remarks(source, {**arguments, "value_range": (low, high)}) if "values" in line]


def test_floats_that_fill_little_are_said(tmp_path):
    np.save(tmp_path / "x.npy", pictures(1 / 16, "f4"))
    [said] = remarks("arrays", {"images": str(tmp_path / "x.npy")})
    assert said.endswith("such as [0.0, 0.0625]")


def test_what_a_given_range_clips_is_said(tmp_path):
    np.save(tmp_path / "x.npy", pictures(3000, "i2", -500))
    [said] = remarks("arrays", {"images": str(tmp_path / "x.npy"), "value_range": (0, 2000)})
    assert said == (
        "values reach from -500 to 3000, and dataset.source.arrays.value_range clips them to 0 (black) to 2000 (white)"
    )


@pytest.mark.parametrize("source", ["digits", "photos"])
def test_ordinary_images_are_not_worth_a_word(source):
    assert remarks(source, {}) == ()


def save(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Pillow.fromarray(image).save(folder / f"{number}.png")


def value_lines(folder, split=None):
    return [line for line in remarks("folder", {"path": str(folder)}, split) if "values" in line]


def noise(count, highest, kind):
    return np.random.default_rng(0).integers(0, highest + 1, (count, 32, 32)).astype(kind)


def burnt_in(images):
    images[:, 0, :3] = 65535
    return images


@pytest.mark.parametrize(
    "images, others, said",
    [
        (noise(20, 4095, "u2"), noise(20, 255, "u1"), "values of 20 of 40 sampled images (train) reach only from 0"),
        (noise(20, 1, "u1"), 255 * noise(20, 1, "u1"), "values of 20 of 40 sampled images (train) reach only from 0"),
        (burnt_in(noise(20, 4095, "u2")), (), "values reach only from 2 to 4095, of 0 (black) to 65535"),
        (burnt_in(noise(3, 4095, "u2")), noise(17, 4095, "u2"), "values reach only from 0 to 4095, of 0"),
    ],
)
def test_narrow_images_are_found_beside_bright_pixels_and_bright_images(tmp_path, images, others, said):
    save(tmp_path / "a", images)
    save(tmp_path / "b", others)
    [line] = value_lines(tmp_path)
    assert line.startswith(said)
    assert ("separate these images from the others" in line) == ("20 of 40" in said)


def test_every_split_is_looked_at(tmp_path):
    save(tmp_path / "train", noise(20, 255, "u1"))
    save(tmp_path / "test", noise(20, 4095, "u2"))
    split = {name: SplitPart("rest", name) for name in ("train", "test")}
    [line] = value_lines(tmp_path, split)
    assert line.startswith("values of 20 of 20 sampled images (test) reach only from 0 to 4095, of 0")


def test_masks_that_are_empty_or_nearly_are_not_worth_a_word(tmp_path):
    masks = np.zeros((20, 32, 32), np.uint8)
    masks[10:, 5, 5] = 255  # fewer pixels than a camera may burn in
    save(tmp_path, masks)
    assert not value_lines(tmp_path)


def test_a_few_images_of_low_contrast_are_not_worth_a_word(tmp_path):
    save(tmp_path / "a", noise(30, 255, "u1"))
    save(tmp_path / "b", noise(5, 40, "u1"))
    assert not value_lines(tmp_path)
