"""Equal images are found in arrays and files, kept in memory or not, and nothing else is taken for equal."""

import numpy as np
import pytest
from PIL import Image as Pillow

from builders import dataset_builder
from builders.dataset_builder import DatasetBuilder
from builders.equal_images import equal_across, row_traces
from builders.spec.data_types import Dataset, Image, SplitPart
from builders.spec.types import Decoder, Encoder, Spec
from builders.spec.values import Choice

NAMES = ("train", "validation", "test")


def spec_of(source, arguments, **fields):
    fields = {"image": Image(size=16), **fields}
    dataset = Dataset(source=Choice(source, arguments), **fields)
    return Spec(dataset=dataset, encoder=Encoder(), decoder=Decoder(), loss={}, seed=1)


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), np.uint8)


def write(root, images):
    for name, image in images.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(image).save(path)
    return {"path": str(root)}


def equal_names(splits):
    return {frozenset(splits[split].name_of(position) for split, position in group) for group in splits.data.equal}


@pytest.mark.parametrize("shape, kind", [((6,), "u1"), ((16, 16, 3), "u1"), ((70, 90), "u2"), ((5, 7), "f4")])
@pytest.mark.parametrize("order", ["C", "F"])
def test_traces_tell_images_apart_by_any_bit(shape, kind, order):
    random = np.random.default_rng(1)
    images = np.asarray(random.integers(0, 200, (400, *shape)).astype(kind), order=order)
    middle = (len(images[0].reshape(-1)) // 2,)
    images[7] = images[301]
    flat = images.reshape(len(images), -1)  # a copy where columns come first
    flat[9] = flat[302]
    flat[9, middle] += 1
    images = np.asarray(flat.reshape(images.shape), order=order)
    traces = row_traces(images, np.arange(400))
    assert traces[7] == traces[301] and len(np.unique(traces)) == 399
    np.testing.assert_array_equal(row_traces(images, np.array([301, 2])), traces[[301, 2]])


def test_equal_traces_alone_make_no_equal_images():
    traces = {name: np.zeros(2, np.uint64) for name in ("a", "b")}
    pixels = {("a", 0): 1, ("a", 1): 2, ("b", 0): 2, ("b", 1): 3}
    assert equal_across(traces, lambda *place: np.array([pixels[place]])) == [(("a", 1), ("b", 0))]


@pytest.mark.parametrize("memory", [0.25, 0.0])
def test_a_picture_in_several_splits_is_counted_and_said(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(dataset_builder, "MEMORY_SHARE", memory)
    images = pictures(9)
    files = {
        f"{split}/{split}{place}.png": images[3 * number + place]
        for number, split in enumerate(NAMES)
        for place in range(3)
    }
    files |= {f"{split}/copy.png": images[0] for split in NAMES}
    files |= {"validation/twice.png": images[3], "test/again.bmp": images[8]}
    splits = DatasetBuilder(spec_of("folder", write(tmp_path, files))).build()
    assert equal_names(splits) == {
        frozenset({"train/train0.png", "train/copy.png", "validation/copy.png", "test/copy.png"})
    }
    [said] = splits.remarks
    assert said.startswith("1 image is in several splits (1 in train, validation and test), such as ")
    assert "dataset.duplicates: keep_together" in said


def test_pictures_that_differ_are_not_equal(tmp_path):
    images = pictures(30)
    images[1] = images[0]
    images[1, 3, 3, 0] ^= 1
    splits = DatasetBuilder(spec_of("folder", write(tmp_path, {f"{k:02}.png": images[k] for k in range(30)}))).build()
    assert splits.data.equal == [] and splits.remarks == ()


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_equal_rows_of_arrays_are_found(tmp_path, kind):
    images = pictures(30)[..., 0].astype(kind)
    images = images * 257 if kind == "u2" else images / np.float32(255) if kind == "f4" else images
    images[5:10] = images[5]
    np.save(tmp_path / "x.npy", images.astype(kind))
    spec = spec_of("arrays", {"images": str(tmp_path / "x.npy")}, split={name: SplitPart(10) for name in NAMES})
    splits = DatasetBuilder(spec).build()
    assert equal_names(splits) == {frozenset(f"images[{k}]" for k in range(5, 10))}


@pytest.mark.parametrize("split", [None, {name: SplitPart(0.3) for name in NAMES}])
def test_equal_images_are_kept_in_one_split_on_request(tmp_path, split):
    images = pictures(20)
    files = {f"{k:02}.png": images[k] for k in range(20)} | {f"copy{k}.png": images[4] for k in range(12)}
    arguments = write(tmp_path, files)
    usual = DatasetBuilder(spec_of("folder", arguments, split=split)).build()
    assert len(usual.data.equal) == 1
    together = DatasetBuilder(spec_of("folder", arguments, split=split, duplicates="keep_together")).build()
    again = DatasetBuilder(spec_of("folder", arguments, split=split, duplicates="keep_together"), threads=1).build()
    assert together.data.equal == [] and together.fingerprint == again.fingerprint != usual.fingerprint
    if split is None:
        assert sum(part.count for part in together.values()) == 32
    alone = spec_of("folder", write(tmp_path / "alone", {f"{k}.png": images[k] for k in range(20)}), split=split)
    kept = spec_of("folder", {"path": str(tmp_path / "alone")}, split=split, duplicates="keep_together")
    assert DatasetBuilder(alone).build().fingerprint == DatasetBuilder(kept).build().fingerprint


def test_what_equals_an_image_of_another_given_part_is_left_out(tmp_path):
    images = pictures(6)
    files = {"train/0.png": images[0], "train/1.png": images[1], "train/2.png": images[2], "test/3.png": images[0]}
    files |= {"val/4.png": images[4]}
    splits = DatasetBuilder(spec_of("folder", write(tmp_path, files), duplicates="keep_together")).build()
    names = {name: [split.name_of(place) for place in range(split.count)] for name, split in splits.items()}
    assert names == {"train": ["train/1.png", "train/2.png"], "validation": ["val/4.png"], "test": ["test/3.png"]}
    assert splits.remarks == ("1 image is left out, because equal ones are in another split (dataset.duplicates)",)
