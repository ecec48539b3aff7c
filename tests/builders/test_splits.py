"""Splits never share an image, follow the seed, and say clearly what cannot be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.sources.source import Source
from builders.spec.data_types import Classes, Dataset, SplitPart
from builders.spec.values import Choice
from builders.splits import divide
from common.errors import RequestError


class Listed(Source):
    """A source of labels and parts without images."""

    def __init__(self, count, parts=None, classes=0, own=None, binding=False):
        self._count = count
        self._parts = {name: np.array(sorted(part), np.int64) for name, part in (parts or {}).items()}
        self.class_names = tuple(f"class{number}" for number in range(classes))
        self.own_splits = own or {}
        self.binding_splits = binding

    def __len__(self):
        return self._count

    def read(self, index, image, size):
        raise NotImplementedError

    def fingerprint(self):
        return ""

    def labels(self):
        number = len(self.class_names)
        return np.arange(self._count) % number if number else super().labels()

    def part_names(self):
        return list(self._parts)

    def part(self, name):
        return self._parts.get(name)


def cut(source, split=None, seed=42, **fields):
    return divide(source, Dataset(source=Choice("listed"), split=split, **fields), seed)


def counts(division):
    return {name: len(indices) for name, indices in division.indices.items()}


amounts = st.one_of(st.floats(0.01, 0.99), st.integers(1, 40), st.just("rest"))


@given(
    count=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(0, 5),
    split=st.dictionaries(
        st.sampled_from(["train", "validation", "test"]),
        st.builds(
            SplitPart,
            take=amounts,
            from_part=st.sampled_from([None, "low", "high", "even"]),
            per_class=st.one_of(st.none(), st.integers(1, 4)),
        ),
        min_size=1,
    ),
)
@settings(max_examples=300, deadline=None)
def test_no_image_is_ever_in_two_splits(count, seed, classes, split):
    everything = range(count)
    parts = {"low": everything[: count // 2], "high": everything[count // 2 :], "even": everything[::2]}
    source = Listed(count, parts, classes)
    try:
        division = cut(source, split, seed)
    except RequestError as error:
        assert str(error).startswith("dataset.split") and "\n" not in str(error)
        return
    taken = np.concatenate(list(division.indices.values()))
    assert len(np.unique(taken)) == len(taken)
    for name, indices in division.indices.items():
        request = split[name]
        assert len(indices) and (np.diff(indices) > 0).all()
        assert request.from_part is None or set(indices) <= set(parts[request.from_part])
        if isinstance(request.take, int):
            assert len(indices) == request.take
        if request.per_class:
            assert np.bincount(source.labels()[indices]).max() <= request.per_class
    again = cut(source, split, seed)
    assert all((again.indices[name] == indices).all() for name, indices in division.indices.items())


def test_fractions_counts_and_rest():
    split = {"train": SplitPart(0.9), "validation": SplitPart(7), "test": SplitPart("rest")}
    assert counts(cut(Listed(100), split)) == {"train": 90, "validation": 7, "test": 3}
    assert counts(cut(Listed(30), {"train": SplitPart(0.1)})) == {"train": 3}
    assert counts(cut(Listed(30_000), {"train": SplitPart(0.9), "test": SplitPart(0.1)})) == {
        "train": 27_000,
        "test": 3_000,
    }


def test_test_images_stay_when_the_training_amount_changes():
    few, many = (cut(Listed(100), {"train": SplitPart(train), "test": SplitPart(0.1)}).indices for train in (10, 0.9))
    np.testing.assert_array_equal(few["test"], many["test"])
    assert set(few["train"]) < set(many["train"])


def test_the_seed_decides():
    first, other = (cut(Listed(1000), seed=seed).indices["test"] for seed in (1, 2))
    assert set(first) != set(other)


@pytest.mark.parametrize(
    "source, expected",
    [
        (Listed(100), {"train": 80, "validation": 10, "test": 10}),
        (Listed(24), {"train": 19, "validation": 2, "test": 3}),
        (Listed(3), {"train": 1, "validation": 1, "test": 1}),
        (
            Listed(100, {"train": range(80), "test": range(80, 100)}, own={"train": "train", "test": "test"}),
            {"train": 72, "validation": 8, "test": 20},
        ),
        (
            Listed(100, {"t": range(80), "v": range(80, 100)}, own={"train": "t", "validation": "v"}),
            {"train": 72, "validation": 20, "test": 8},
        ),
        (
            Listed(6, {"train": range(4), "test": range(4, 6)}, own={"train": "train", "test": "test"}),
            {"train": 3, "validation": 1, "test": 2},
        ),
        (
            Listed(9, {"a": range(5), "b": [5, 6], "c": [7, 8]}, own={"train": "a", "validation": "b", "test": "c"}),
            {"train": 5, "validation": 2, "test": 2},
        ),
    ],
)
def test_without_a_split_the_source_decides(source, expected):
    assert counts(cut(source)) == expected


def test_a_default_division_of_too_few_images_names_the_part_and_its_number():
    source = Listed(3, {"train": [0], "test": [1, 2]}, own={"train": "train", "test": "test"})
    with pytest.raises(RequestError, match="takes validation images from 'train', which holds 1 image; add images"):
        cut(source)


def test_a_source_may_insist_on_its_parts():
    source = Listed(
        100,
        {"train": range(80), "validation": range(80, 90), "test": range(90, 100)},
        own={"train": "train", "validation": "validation", "test": "test"},
        binding=True,
    )
    split = {"train": SplitPart(0.9), "validation": SplitPart(0.5), "test": SplitPart("rest")}
    indices = cut(source, split).indices
    assert {name: len(members) for name, members in indices.items()} == {"train": 72, "validation": 5, "test": 10}
    assert indices["train"].max() < 80 and indices["test"].min() >= 90


def test_per_class_beside_rest():
    split = {"train": SplitPart(), "test": SplitPart(per_class=5)}
    source = Listed(100, classes=4)
    division = cut(source, split)
    assert counts(division) == {"train": 80, "test": 20}
    assert np.bincount(source.labels()[division.indices["test"]]).tolist() == [5] * 4


def test_classes_by_count_and_by_name():
    source = Listed(100, classes=10)
    drawn = cut(source, classes=Classes(count=3))
    assert len(drawn.classes) == 3 and sum(counts(drawn).values()) == 30
    taken = np.concatenate(list(drawn.indices.values()))
    assert {f"class{label}" for label in source.labels()[taken]} == set(drawn.classes)
    assert cut(source, classes=Classes(count=3)).classes == drawn.classes
    named = cut(source, classes=Classes(names=("class7", "class2")))
    assert named.classes == ("class7", "class2") and sum(counts(named).values()) == 20


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"split": {"train": SplitPart(0.9), "test": SplitPart(0.2)}}, "dataset.split.train: asks for 45 images (0.9)"),
        ({"split": {"train": SplitPart(51)}}, "only 50 of the 50 in the source are left"),
        ({"split": {"train": SplitPart(50), "test": SplitPart("rest")}}, "dataset.split.test: rest of the source"),
        ({"split": {"train": SplitPart(0.001)}}, "selects no images"),
        ({"split": {"train": SplitPart(0.5, "one")}}, "0.5 of part 'one' (1 image) selects no images"),
        ({"split": {"train": SplitPart(1), "test": SplitPart(50)}}, "train: asks for 1 image (1), but only 0"),
        ({"split": {"train": SplitPart(), "test": SplitPart()}}, "test and train both take the rest"),
        ({"split": {"train": SplitPart(from_part="trian")}}, "no part 'trian'; did you mean 'train'?"),
        ({"classes": Classes(count=9)}, "9 classes asked for, the source has 5"),
        ({"classes": Classes(names=("clas1",))}, "unknown class 'clas1'; did you mean 'class1'?"),
        ({"classes": Classes()}, "expected {count: N} or a list"),
    ],
)
def test_what_cannot_be_gets_one_clear_line(fields, message):
    with pytest.raises(RequestError) as error:
        cut(Listed(50, {"train": range(40), "one": [7]}, classes=5), **fields)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_labels_are_needed_where_classes_are_asked_for():
    with pytest.raises(RequestError, match=r"dataset.classes: this source has no labels"):
        cut(Listed(9), classes=Classes(count=1))
    with pytest.raises(RequestError, match=r"dataset.split.train.per_class: this source has no labels"):
        cut(Listed(9), {"train": SplitPart(per_class=1)})
    with pytest.raises(RequestError, match="needs 3 images, got 2"):
        cut(Listed(2))


@pytest.mark.parametrize(
    "take, images",
    [(1.0, 10), (0.5, 5), (1, 1), (10, 10), ("rest", 10)],
)
def test_what_has_a_point_is_a_share_and_what_has_none_a_count(take, images):
    division = cut(Listed(10), {"train": SplitPart(take)})
    assert counts(division) == {"train": images}
    assert bool(division.remarks) == (take == 1 and isinstance(take, int))


@pytest.mark.parametrize("take", [64.0, 1.5, 0.0, -0.5])
def test_shares_beyond_the_whole_are_refused(take):
    with pytest.raises(
        RequestError, match=r"dataset.split.train: .* is no share, which is above 0 and up to 1; write \d"
    ):
        cut(Listed(100), {"train": SplitPart(take)})


def test_a_lone_image_and_mixed_parts_are_said():
    source = Listed(10, {"train": range(6), "val": range(6, 10)}, own={"train": "train", "validation": "val"})
    [lone, mixed] = cut(source, {"train": SplitPart(1)}).remarks
    assert lone == "dataset.split.train: 1 takes one image; 1.0 takes all"
    assert mixed == (
        "dataset.split.train draws from 'train', 'val' alike; write `from: train` to keep the source's parts apart"
    )
    assert not cut(source, {"train": SplitPart(0.5, "train"), "test": SplitPart("rest", "val")}).remarks


def test_parts_that_no_split_uses_are_said_unless_the_spec_divides():
    parts = {"train": range(14), "test": range(14, 16), "extra": range(16, 19)}
    source = Listed(20, parts, own={"train": "train", "test": "test"})
    unused, beside = cut(source).remarks
    assert unused == "no split uses the images of 'extra' (3); dataset.split can name them with `from:`"
    assert beside == "1 image is in no split, outside of the source's parts"
    assert not cut(source, {"train": SplitPart("rest", "train")}).remarks


groups = st.lists(st.integers(0, 9), min_size=3, max_size=60)


@given(groups, st.integers(0, 2**32 - 1), st.tuples(amounts, amounts), st.booleans())
@settings(max_examples=150, deadline=None)
def test_equal_images_stay_together_in_every_division(numbers, seed, takes, in_parts):
    _, equal = np.unique(numbers, return_inverse=True)
    half = len(numbers) // 2
    parts = {"a": range(half), "b": range(half, len(numbers))}
    names = ("a", "b") if in_parts else (None, None)
    split = {name: SplitPart(take, part) for name, take, part in zip(("train", "test"), takes, names)}
    dataset = Dataset(source=Choice("listed"), split=split)
    try:
        division = divide(Listed(len(numbers), parts), dataset, seed, equal)
    except RequestError:
        return
    train, test = (set(equal[division.indices[name]]) for name in ("train", "test"))
    assert not train & test
    for name, indices in division.indices.items():
        part = np.array(list(parts[split[name].from_part])) if in_parts else np.arange(len(numbers))
        whole = part[np.isin(equal[part], equal[indices])]
        np.testing.assert_array_equal(indices, whole)  # of a group all or none
        if isinstance(split[name].take, int):
            assert len(indices) <= split[name].take


def test_images_that_equal_nothing_are_divided_as_ever():
    dataset = Dataset(source=Choice("listed"), split=None)
    for count in (3, 50):
        usual = divide(Listed(count), dataset, 3).indices
        together = divide(Listed(count), dataset, 3, np.arange(count)).indices
        for name in usual:
            np.testing.assert_array_equal(usual[name], together[name])


def test_a_split_smaller_than_any_group_is_refused():
    with pytest.raises(RequestError, match=r"dataset.split.train: 2 images are fewer than any group of equal ones"):
        divide(Listed(9), Dataset(source=Choice("listed"), split={"train": SplitPart(2)}), 0, np.repeat([0, 3, 6], 3))
    with pytest.raises(RequestError, match=r"dataset.split.train: 1 image is fewer than any group of equal ones"):
        divide(Listed(9), Dataset(source=Choice("listed"), split={"train": SplitPart(1)}), 0, np.repeat([0, 3, 6], 3))


@pytest.mark.parametrize("take, said", [(8, ["8 images, got 6"]), (0.9, ["8 images, got 6"]), (6, []), ("rest", [])])
def test_amounts_that_groups_of_equal_images_make_smaller_are_said(take, said):
    dataset = Dataset(source=Choice("listed"), split={"test": SplitPart(take)})
    division = divide(Listed(9), dataset, 0, np.repeat([0, 3, 6], 3))
    assert list(division.remarks) == [
        f"dataset.split.test: asked for {words}, to keep equal images together (dataset.duplicates)" for words in said
    ]
