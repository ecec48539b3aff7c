"""Crops of the packages' photographs: seeded, never blown up, and whole photographs are held out."""

import numpy as np
import pytest

from builders.sources.photos import PHOTOGRAPHS, Photos
from builders.spec.data_types import Image
from common.errors import RequestError


def test_chelsea_and_coffee_are_the_test_photographs_alone():
    source = Photos(crops=3, held_out_crops=2)
    seen = {part: {source.name_of(index).split()[0] for index in source.part(part)} for part in source.part_names()}
    assert seen["test"] == {"chelsea", "coffee"}
    assert seen["validation"] == {"rocket", "china", "flower"}
    assert not seen["train"] & (seen["test"] | seen["validation"])
    assert [len(source.part(part)) for part in ("train", "validation", "test")] == [18, 6, 4]
    assert source.own_splits == {name: name for name in PHOTOGRAPHS}
    assert source.name_of(3) == "hubble_deep_field 0" and source.part("chelsea") is None


def test_crops_are_deterministic_and_differ():
    crops = [Photos(crops=4, held_out_crops=1).read(index, Image(), (32, 32)) for index in range(4)]
    again = Photos(crops=4, held_out_crops=9)
    for index, crop in enumerate(crops):
        assert crop.shape == (32, 32, 3) and crop.dtype == np.uint8
        np.testing.assert_array_equal(again.read(index, Image(), (32, 32)), crop)
    assert len({crop.tobytes() for crop in crops}) == 4
    assert (Photos(crops=4, seed=1).read(0, Image(), (32, 32)) != crops[0]).any()


def test_the_smallest_crop_is_a_piece_of_the_photograph_itself():
    """At a scale of almost nothing a crop is as large as the image, and no pixel is interpolated."""
    from skimage import data

    source = Photos(crops=1, held_out_crops=20, scale=(0.01, 0.01))
    coffee = data.coffee()
    windows = np.lib.stride_tricks.sliding_window_view(coffee[..., 0], (48, 64))
    for index in source.part("test")[-3:]:
        crop = source.read(int(index), Image(), (48, 64))
        found = np.argwhere((windows[:, :, 0] == crop[0, :, 0]).all(-1))
        assert any((coffee[y : y + 48, x : x + 64] == crop).all() for y, x in found)


def test_sizes_beyond_the_photograph_and_other_settings_work():
    source = Photos(crops=1, held_out_crops=1)
    assert source.read(6, Image(), (900, 700)).shape == (900, 700, 3)
    assert source.read(7, Image(channels=1, fit="pad", margin=0.1), (20, 33)).shape == (20, 33, 1)


def test_the_fingerprint_follows_the_arguments():
    prints = {Photos(**arguments).fingerprint() for arguments in ({}, {"crops": 9}, {"seed": 1}, {"scale": (0.5, 1.0)})}
    assert len(prints) == 4
    assert Photos().fingerprint() in prints


@pytest.mark.parametrize("arguments", [{"crops": 0}, {"held_out_crops": -1}, {"scale": (0.9, 0.1)}, {"scale": (0, 1)}])
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(RequestError, match=f"dataset.source.photos.{next(iter(arguments))}: "):
        Photos(**arguments)


def test_only_training_crops_are_given_other_colours():
    plain, recolored = (Photos(crops=6, held_out_crops=2, recolor=recolor) for recolor in (False, True))
    for part in ("train", "validation", "test"):
        for index in plain.part(part):
            same = np.array_equal(plain.read(index, Image(), (24, 24)), recolored.read(index, Image(), (24, 24)))
            assert same == (part != "train")
