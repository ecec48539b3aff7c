"""Folders: what is found, in which order, with which labels and parts; and damage is found before training."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image as Pillow

from builders.errors import RequestError
from builders.images import BadImageError
from builders.sources.folder import Folder
from builders.spec.types import Image


def fill(root, *names, side=12):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(np.full((side, side, 3), 20 * number, np.uint8)).save(path)
    return root


def names_of(source):
    return [source.name_of(index) for index in range(len(source))]


def test_flat_folders_are_sorted_and_hidden_files_ignored(tmp_path):
    fill(tmp_path, "b.png", "a.JPG", "c.jpeg", "d.webp", "e.bmp", "f.gif", ".hidden.png", ".cache/x.png")
    (tmp_path / "notes.txt").write_text("no image")
    source = Folder(str(tmp_path))
    assert names_of(source) == ["a.JPG", "b.png", "c.jpeg", "d.webp", "e.bmp", "f.gif"]
    assert source.labels().tolist() == [-1] * 6
    assert source.class_names == () and not source.own_splits and source.part_names() == []
    assert (source.read(1, Image(), (4, 4)) == 0).all()


def test_class_folders_are_labels_and_parts(tmp_path):
    source = Folder(str(fill(tmp_path, "dog/2.png", "cat/x/1.png", "cat/3.png", "loose.png")))
    assert names_of(source) == ["cat/3.png", "cat/x/1.png", "dog/2.png", "loose.png"]
    assert source.class_names == ("cat", "dog")
    assert source.labels().tolist() == [0, 0, 1, -1]
    assert source.part_names() == ["cat", "dog"]
    assert source.part("cat").tolist() == [0, 1] and source.part("cat/x/").tolist() == [1]
    assert source.part("ca") is None
    assert not source.own_splits


def test_split_folders_hold_classes_below_them(tmp_path):
    source = Folder(str(fill(tmp_path, "train/b/1.png", "train/a/1.png", "Val/a/2.png", "test/3.png")))
    assert source.own_splits == {"train": "train", "validation": "Val", "test": "test"}
    assert source.class_names == ("a", "b")
    assert source.labels().tolist() == [0, -1, 0, 1]


def test_a_class_that_is_called_test_is_a_class(tmp_path):
    source = Folder(str(fill(tmp_path, "test/1.png", "rest/1.png")))
    assert not source.own_splits and source.class_names == ("rest", "test")


def test_a_link_to_the_folder_above_ends(tmp_path):
    fill(tmp_path, "a/1.png")
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    assert names_of(Folder(str(tmp_path))) == ["a/1.png"]


def test_the_fingerprint_follows_content_and_names_and_not_the_place(tmp_path):
    first = fill(tmp_path / "first", "a.png", "b.png")
    original = Folder(str(first)).fingerprint()
    moved = shutil.copytree(first, tmp_path / "elsewhere")
    os.utime(moved / "a.png", (1, 1))
    assert Folder(str(moved)).fingerprint() == original
    (moved / "a.png").rename(moved / "c.png")
    assert Folder(str(moved)).fingerprint() != original
    fill(first, "b.png")  # same name, other pixels
    assert Folder(str(first)).fingerprint() != original


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda root: root / "gone", "no such folder: '.*gone'; paths are relative"),
        (lambda root: fill(root, "a.png") / "a.png", "is a file, expected a folder"),
        (lambda root: root, "holds no JPEG, PNG, WebP, BMP or GIF image, nor do its sub-folders; 0 other files"),
    ],
)
def test_wrong_paths_get_one_clear_line(tmp_path, make, message):
    with pytest.raises(RequestError, match=f"^dataset.source.folder.path: .*{message}") as error:
        Folder(str(make(tmp_path)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif"])
def test_files_cut_short_are_found_without_decoding_good_ones(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for name in ("good", "short"):
        Pillow.fromarray(pixels).save(tmp_path / f"{name}.{suffix}")
    short = tmp_path / f"short.{suffix}"
    short.write_bytes(short.read_bytes()[:-200])
    (tmp_path / f"void.{suffix}").write_bytes(b"")
    source = Folder(str(tmp_path))
    source.check(0)
    for bad in (1, 2):
        with pytest.raises(BadImageError):
            source.check(bad)


def test_a_camera_may_append_data_of_its_own(tmp_path):
    fill(tmp_path, "a.jpg")
    with open(tmp_path / "a.jpg", "ab") as file:
        file.write(b"\0" * 10_000)
    Folder(str(tmp_path)).check(0)
