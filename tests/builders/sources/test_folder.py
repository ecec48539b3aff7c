"""Folders: what is found, in which order, with which labels and parts; and damage is found before training."""

import hashlib
import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from builders.pixel_values import BadImageError
from builders.sources.folder import Folder
from builders.sources.folder_structure import structure_of
from builders.spec.data_types import Image
from common.errors import RequestError
from common.picture_formats import named_formats


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
        (lambda root: root, f"holds no {named_formats('or')} image, nor do its sub-folders; 0 other files"),
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


def test_folders_that_no_split_uses_change_neither_classes_nor_splits(tmp_path):
    names = [f"{split}/{kind}/1.png" for split in ("train", "val", "test") for kind in ("cat", "dog")]
    plain = Folder(str(fill(tmp_path / "plain", *names)))
    others = ("extra/zebra/1.png", "valid/cat/9.png", "loose.png", "@eaDir/cat/1.png")
    source = Folder(str(fill(tmp_path / "more", *names, *others)))
    assert source.class_names == plain.class_names == ("cat", "dog")
    assert source.own_splits["train"] == "train" and source.own_splits["test"] == "test"
    labels = dict(zip(names_of(source), source.labels().tolist()))
    assert labels["valid/cat/9.png"] == 0 and labels["extra/zebra/1.png"] == -1 and labels["loose.png"] == -1
    assert all(labels[name] == (0 if "cat" in name else 1) for name in names)


@pytest.mark.parametrize("wrapper", ["archive", "archive/data", "archive/data/set.v1"])
def test_splits_inside_of_what_an_archive_unpacks_to_are_splits(tmp_path, wrapper):
    names = [f"{wrapper}/{split}/{kind}/1.png" for split in ("train", "test") for kind in ("cat", "dog")]
    source = Folder(str(fill(tmp_path, *names)))
    assert source.own_splits == {"train": f"{wrapper}/train", "test": f"{wrapper}/test"}
    assert source.class_names == ("cat", "dog") and not source.remarks
    assert set(source.own_splits.values()) <= set(source.part_names())
    assert source.part(f"{wrapper}/train").tolist() == [2, 3]


@pytest.mark.parametrize(
    "names, remark",
    [
        (
            ("a/train/1.png", "a/test/2.png", "b/train/3.png", "b/test/4.png"),
            "'a/train' and 'a/test' are not kept apart",
        ),
        (("train/cat/1.png", "train/dog/1.png", "extra/1.png"), "'train' is a class like its neighbours"),
        (("all/cat/1.png", "all/dog/1.png"), "all images lie in 'all', so that there is one class"),
        (("all/v1/cat/1.png", "all/v1/dog/1.png"), "all images lie in 'all/v1', so that there is one class"),
        (("seg_train/a/1.png", "seg_test/a/1.png"), "'seg_train' and 'seg_test' are called like splits"),
        (("train-images/1.png", "TestImages/1.png"), "'train-images' and 'TestImages' are called like splits"),
        (
            ("train1/1.png", "validation/1.png", "test/1.png"),
            "'train1', 'validation' and 'test' are called like splits",
        ),
        (("x/y/train/1.png", "x/y/test/1.png", "z/1.png"), "'x/y/train' and 'x/y/test' are not kept apart"),
        (("train/1.png", "all/test/1.png"), "'train' and 'all/test' are called like splits"),
        (("photos/a/1.png", "test_images/a/1.png"), "'test_images' is called like a split"),
    ],
)
def test_folders_that_may_be_meant_otherwise_are_said(tmp_path, names, remark):
    source = Folder(str(fill(tmp_path, *names)))
    assert not source.own_splits and remark in " ".join(source.remarks)
    assert all("\n" not in said for said in source.remarks)


@pytest.mark.parametrize("validation", ["validate", "eval", "Evaluation"])
@pytest.mark.parametrize("test", ["holdout", "test"])
def test_every_usual_name_of_a_split_is_known(tmp_path, validation, test):
    names = [f"{split}/{kind}/1.png" for split in ("train", validation, test) for kind in ("cat", "dog")]
    source = Folder(str(fill(tmp_path, *names)))
    assert source.own_splits == {"train": "train", "validation": validation, "test": test} and not source.remarks


@pytest.mark.parametrize(
    "names, remark",
    [
        (("train/images/a/1.png", "train/images/b/1.png", "val/images/a/2.png"), "there is one class, 'images'"),
        (("train/images/a/1.png", "train/images/b/1.png"), "there is one class, 'images'"),
        (("train/a/1.png", "test/unknown/1.png"), "'train/a', 'test/unknown' are classes that no other split has"),
        (("train/a/1.png", "train/b/1.png", "val/a/1.png"), "'train/b' is a class that no other split has"),
        (("train/train/1.png", "train/val_images/1.png", "test/1.png"), "'train/val_images' is used for train"),
    ],
)
def test_classes_of_splits_that_may_be_meant_otherwise_are_said(tmp_path, names, remark):
    source = Folder(str(fill(tmp_path, *names)))
    assert source.own_splits and remark in " ".join(source.remarks)


def test_test_images_without_classes_are_not_worth_a_word(tmp_path):
    names = ("train/images/1.png", "val/images/1.png", "test/1.png")
    assert not Folder(str(fill(tmp_path, *names))).remarks


def test_many_classes_are_looked_at_once():
    class Name(str):
        seen = 0

        def __eq__(self, other):
            Name.seen += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    counts = []
    for classes in (50, 200):
        Name.seen = 0
        structure_of([(Name(f"class {number}"), Name("x")) for number in range(classes)])
        counts.append(Name.seen)
    assert counts[1] <= 6 * max(counts[0], 1)  # in squares it were 16


def test_a_class_called_train_is_a_class(tmp_path):
    source = Folder(str(fill(tmp_path, "car/1.png", "train/1.png", "bus/1.png")))
    assert source.class_names == ("bus", "car", "train") and not source.own_splits and not source.remarks


def test_files_of_other_kinds_are_counted_and_said(tmp_path):
    fill(tmp_path, "a.jpg", "b.jpg")
    for number in range(40):
        (tmp_path / f"{number}.CR2").write_bytes(b"x")
    (tmp_path / "labels.csv").write_text("x")
    [said] = Folder(str(tmp_path)).remarks
    assert said.startswith("41 files are left out") and said.endswith(": 40 .cr2, 1 .csv")
    for path in tmp_path.glob("*.jpg"):
        path.unlink()
    with pytest.raises(RequestError, match=r"41 other files were found: 40 \.cr2, 1 \.csv; name a folder"):
        Folder(str(tmp_path))


def test_names_that_are_no_utf_8_are_shown_stored_and_hashed(tmp_path):
    fill(tmp_path, "a/1.png", "b/2.png")
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(name)
    os.rename(tmp_path / "a" / "1.png", name + b"/\xe9.png")
    os.rmdir(tmp_path / "a")
    source = Folder(str(tmp_path))
    assert names_of(source) == ["b/2.png", r"caf\xe9/\xe9.png"] and source.class_names == ("b", r"caf\xe9")
    for text in (*names_of(source), *source.class_names, *source.part_names()):
        text.encode("utf-8")
    assert source.part(r"caf\xe9").tolist() == [1] and len(source.fingerprint()) == 64
    source.check(1)
    assert source.read(1, Image(), (4, 4)).shape == (4, 4, 3)


def test_fingerprints_of_older_runs_stay(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a.png").write_bytes(b"first")
    (tmp_path / "b" / "ü.png").write_bytes(b"second")
    expected = hashlib.sha256("a.png\x005\nb/ü.png\x006\n".encode() + b"firstsecond").hexdigest()
    assert Folder(str(tmp_path)).fingerprint() == expected
    assert Folder(str(tmp_path), value_range=(0, 1)).fingerprint() != expected


@pytest.mark.parametrize(
    "values, value_range, expected",
    [
        (np.array([[0, 1], [1, 0]], np.uint8), (0, 1), [[0, 255], [255, 0]]),
        (np.array([[0, 2047], [4095, 5000]], np.uint16), (0, 4095), [[0, 127], [255, 255]]),
        (np.array([[900, 1000], [1500, 2000]], np.uint16), (1000, 2000), [[0, 0], [128, 255]]),
        (np.array([[0, 65535], [256, 255]], np.uint16), None, [[0, 255], [1, 0]]),
    ],
)
def test_a_value_range_says_what_is_black_and_white(tmp_path, values, value_range, expected):
    Pillow.fromarray(values).save(tmp_path / "a.png")
    source = Folder(str(tmp_path), value_range=value_range)
    np.testing.assert_array_equal(source.read(0, Image(channels=1), (2, 2))[..., 0], expected)
    found = source.values_of(0)
    assert (found.lowest, found.highest) == (values.min(), values.max())
    assert (found.black, found.white) == (value_range or (0, 65535))


def test_colours_of_16_bits_are_not_stretched_from_8(tmp_path):
    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(2))  # two rows of two pixels of three numbers of 16 bits

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    assert Folder(str(tmp_path)).read(0, Image(), (2, 2))[0, 0].tolist() == [0, 2, 4]
    with pytest.raises(BadImageError, match="value_range needs grey, or 8 bits"):
        Folder(str(tmp_path), value_range=(0, 4095)).read(0, Image(), (2, 2))


@pytest.mark.parametrize("value_range", [(1, 1), (2, 1), (1,), (0, 1, 2)])
def test_a_wrong_value_range_is_refused(tmp_path, value_range):
    fill(tmp_path, "a.png")
    with pytest.raises(RequestError, match=r"^dataset.source.folder.value_range: expected \[black, white\]"):
        Folder(str(tmp_path), value_range=value_range)
