"""What `check` knows of shares, counts and ranges of values, before any data are there."""

import pytest

from builders.spec import check_spec, load_spec

BASE = """\
dataset:
  source: {folder: {path: data}}
  image: {size: 16}
  %s
encoder: {layers: [Flatten, {Dense: {units: 4}}]}
decoder: {architecture: {dense: {units: [8]}}}
loss: {l1: 1}
"""


def problems(tmp_path, line, overrides=()):
    path = tmp_path / "a.yaml"
    path.write_text(BASE % line)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in check_spec(path, overrides)]


@pytest.mark.parametrize(
    "split, message",
    [
        (
            "{train: 64.0}",
            "a.yaml:4:18: dataset.split.train.take: 64 is no share, which is above 0 and up to 1; write 64",
        ),
        ("{train: 1.5}", "expected a number above 0 and up to 1, a whole number from 1 or rest, got 1.5"),
        ("{train: 1.0, test: rest}", "the other splits take all of the source and leave nothing"),
        ("{train: 1.0, test: 10}", "the other splits take all of the source and leave nothing"),
        ("{train: 1.0, test: 0.1}", "the splits take 1.1 of the source, more than the whole"),
        ("{train: 0.0}", "dataset.split.train"),
        ("{train: -1}", "dataset.split.train"),
    ],
)
def test_amounts_that_cannot_be_meant_are_refused(tmp_path, split, message):
    [problem] = problems(tmp_path, f"split: {split}")
    assert message in problem


@pytest.mark.parametrize("split", ["{train: 1.0}", "{train: 1}", "{train: 0.9, test: 0.1}", "{train: 64, test: rest}"])
def test_shares_of_all_and_counts_are_good_and_stay_what_they_are(tmp_path, split):
    assert not problems(tmp_path, f"split: {split}")
    take = load_spec(tmp_path / "a.yaml").spec.dataset.split["train"].take
    assert isinstance(take, float) == ("." in split.split(",")[0])
    assert not problems(tmp_path, "duplicates: keep_together", [f"dataset.split={split}"])


@pytest.mark.parametrize("source", ["folder: {path: x, value_range: %s}", "arrays: {images: x, value_range: %s}"])
def test_a_value_range_is_two_numbers_black_first(tmp_path, source):
    for given in ("[5, 5]", "[1, 0]"):
        [problem] = problems(tmp_path, "batch_size: 2", [f"dataset.source={{{source % given}}}"])
        assert "value_range: expected the value that means black and then the one that means white" in problem
    for given in ("[1]", "[0, 1, 2]", "5", "[a, b]"):
        assert problems(tmp_path, "batch_size: 2", [f"dataset.source={{{source % given}}}"])
    for given in ("[0, 4095]", "[-1.5, 1]"):
        assert not problems(tmp_path, "batch_size: 2", [f"dataset.source={{{source % given}}}"])
