"""Several sources as one: names, classes, parts, settings, and shares in training."""

import numpy as np
import pytest
from PIL import Image as Pillow

from builders.dataset_builder import DatasetBuilder
from builders.order import weighted_order
from builders.sources import open_source
from builders.spec import load_spec
from builders.spec.data_types import Image
from builders.spec.values import Choice
from common.errors import RequestError

SPEC = """\
dataset:
  source: {mixture: {sources: [{folder: {path: %s}}, {folder: {path: %s, value_range: [0, 7]}}]%s}}
  image: {size: 8, channels: 1}
  batch_size: 6
encoder: {layers: [Flatten, {Dense: {units: 4}}]}
decoder: {layers: [{Dense: {units: 64, activation: sigmoid}}, {Reshape: {target_shape: [8, 8, 1]}}]}
loss: {l1: 1}
"""


def fill(root, counts, value=100):
    for place, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            Pillow.new("L", (8, 8), value + place).save(root / name / f"{number}.png")
    return {"folder": {"path": str(root)}}


@pytest.fixture
def two(tmp_path):
    first = fill(tmp_path / "a" / "set", {"train/cat": 30, "train/dog": 10, "test/cat": 4})
    second = fill(tmp_path / "b" / "set", {"train/dog": 5, "valid/owl": 3, "test/owl": 2}, value=3)
    return first, second


def test_names_classes_and_parts_are_united(two):
    source = open_source(Choice("mixture", {"sources": list(two)}))
    assert len(source) == 54 and source.size is None and source.can_fail
    assert source.name_of(0) == "set/test/cat/0.png" and source.name_of(44) == "set-2/test/owl/0.png"
    names = source.file_names()
    assert len(set(names)) == 54 and names[0] == "set/test/cat/0.png"
    assert source.class_names == ("cat", "dog", "owl")
    for index, name in enumerate(names):
        assert source.class_names[source.labels()[index]] == name.split("/")[2]
    assert set(source.own_splits) == {"train", "validation", "test"}
    assert [len(source.part(name)) for name in ("train", "validation", "test")] == [45, 3, 6]
    assert source.part("valid").tolist() == source.part("validation").tolist()
    assert source.part("no") is None and source.part("train/dog") is not None
    assert source.read(0, Image(channels=1), (8, 8)).max() == 102
    again = open_source(Choice("mixture", {"sources": list(two), "weights": [1, 1]}))
    assert again.fingerprint() != source.fingerprint()


def test_one_source_with_splits_and_one_without_are_divided_together(two, tmp_path):
    loose = fill(tmp_path / "loose", {"": 7})
    source = open_source(Choice("mixture", {"sources": [two[0], loose, {"digits": {}}]}))
    assert source.own_splits == {} and source.part("train").size == 40 and source.file_names() is None
    assert source.name_of(len(source) - 1).startswith("digits/")


def test_settings_and_errors_of_a_member_name_their_place(two, tmp_path):
    for sources, message in (
        (
            [two[0], {"folder": {"path": str(tmp_path / "gone")}}],
            r"dataset\.source\.mixture\.sources\.1\.folder\.path: no",
        ),
        (
            [{"mixture": {"sources": [{"folder": {"path": "gone"}}]}}],
            r"sources\.0\.mixture\.sources\.0\.folder\.path: no",
        ),
        ([], "expected at least one source"),
        ([{"foldr": {}}], r"mixture\.sources\.0: unknown source 'foldr'"),
    ):
        with pytest.raises(RequestError, match=message):
            open_source(Choice("mixture", {"sources": sources}))
    for weights, message in (
        ([1], "one for each of 2 sources, got 1"),
        ([1, -1], "numbers above 0"),
        ([1, np.inf], "above 0"),
    ):
        with pytest.raises(RequestError, match=message):
            open_source(Choice("mixture", {"sources": list(two), "weights": weights}))


def spec_of(two, tmp_path, weights=""):
    path = tmp_path / "mixture.yaml"
    path.write_text(SPEC % (two[0]["folder"]["path"], two[1]["folder"]["path"], weights))
    return load_spec(path).spec


def test_values_mean_what_each_source_says(two, tmp_path):
    splits = DatasetBuilder(spec_of(two, tmp_path)).build()
    test = {splits["test"].name_of(place): splits["test"].image(place).max() for place in range(6)}
    assert test["set/test/cat/0.png"] == 102 and test["set-2/test/owl/0.png"] == round(5 / 7 * 255)
    [line] = [line for line in splits.remarks if "set dataset" in line]
    assert "dataset.source.mixture.sources.0.folder.value_range" in line


def test_weights_decide_the_shares_of_every_epoch(two, tmp_path):
    train = DatasetBuilder(spec_of(two, tmp_path, ", weights: [1, 2]")).build()["train"]
    second = np.array(["set-2" in train.name_of(place) for place in range(train.count)])
    assert (train.count, second.sum()) == (45, 5)
    orders = [train.order(epoch) for epoch in range(3)]
    for order in orders:
        assert len(order) == 45 and second[order].sum() == 30
        for stretch in (order[:15], order[15:30], order[30:]):
            assert abs(second[stretch].sum() - 10) <= 2
        assert set(np.bincount(order[second[order]], minlength=45)[second]) == {6}
        assert np.bincount(order[~second[order]]).max() == 1
    assert (orders[0] != orders[1]).any() and (orders[0] == train.order(0)).all()
    batches = [batch["label"].numpy() for batch in train.epoch(0, start_step=2)]
    np.testing.assert_array_equal(np.concatenate(batches), train.labels[orders[0][12:]])
    plain = DatasetBuilder(spec_of(two, tmp_path)).build()["train"]
    assert sorted(plain.order(0)) == list(range(45))


def test_shares_are_exact_for_any_weights():
    random = np.random.default_rng(0)
    for _ in range(200):
        groups = random.integers(0, 5, random.integers(1, 60))
        weights = random.uniform(0.01, 10, 5)
        for shuffle in (True, False):
            order = weighted_order(int(random.integers(2**32)), 1, groups, weights, shuffle)
            present = np.unique(groups)
            wanted = weights[present] / weights[present].sum() * len(groups)
            found = np.array([(groups[order] == group).sum() for group in present])
            assert len(order) == len(groups) and np.abs(found - wanted).max() < 1
    np.testing.assert_array_equal(weighted_order(0, 0, np.array([0, 0, 1, 1]), [1, 1], False), [0, 2, 1, 3])
