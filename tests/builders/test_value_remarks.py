"""Values that fill little of their range are said, with the key that helps; and the key helps."""

import numpy as np
import pytest
from PIL import Image as Pillow

from builders import dataset_builder
from builders.dataset_builder import DatasetBuilder
from builders.spec.types import Choice, Dataset, Decoder, Encoder, Image, Spec, SplitPart


def remarks(source, arguments):
    dataset = Dataset(
        source=Choice(source, arguments), image=Image(size=8, channels=1), split={"train": SplitPart("rest")}
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
