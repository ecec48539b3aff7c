"""Crops of the packages' photographs: seeded, never blown up, and whole photographs are held out."""

import numpy as np
import PIL.Image
import pytest

from builders import wallpapers
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


def test_wallpapers_train_and_change_no_other_crop(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    (tmp_path / "gnome").mkdir()
    PIL.Image.fromarray(pixels).save(tmp_path / "gnome" / "hills.JPG", "JPEG")
    PIL.Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    PIL.Image.fromarray(pixels[:255]).save(tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gnome" / "hills.JPG")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    (tmp_path / "notes.txt").write_text("no picture")
    folders = (tmp_path, tmp_path / "nothing")
    assert wallpapers.wallpapers(folders) == [tmp_path / "gnome" / "hills.JPG"]

    monkeypatch.setattr(wallpapers.wallpapers, "__defaults__", (folders,))
    plain, more = Photos(crops=2, held_out_crops=1), Photos(crops=2, held_out_crops=1, wallpapers=True)
    assert len(more) == len(plain) + 2 and [more.name_of(index) for index in more.part("train")][-1] == "hills 1"
    assert more.fingerprint() != plain.fingerprint()
    for part in ("validation", "test"):
        np.testing.assert_array_equal(more.part(part), plain.part(part))
    for index in range(len(plain)):
        np.testing.assert_array_equal(more.read(index, Image(), (32, 32)), plain.read(index, Image(), (32, 32)))
    assert more.read(len(more) - 1, Image(), (32, 32)).shape == (32, 32, 3)
    # That of versions without the argument, so that their runs go on.
    assert Photos().fingerprint() == "6dcb600cb3cfb572a33a9967a74855b28cc8701dcecf8fa8e19aee681aa2e756"


def test_the_portrait_trains_where_it_is_asked_for():
    with_it = Photos(crops=3, portrait=True)
    assert [len(with_it.part(part)) for part in ("train", "validation", "test")] == [21, 6 * 25, 4 * 25]
    assert "grace_hopper" in with_it.name_of(20) and "grace_hopper" not in with_it.name_of(17)
    assert with_it.fingerprint() != Photos(crops=3).fingerprint()
