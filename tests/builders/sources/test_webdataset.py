"""Shards of webdataset: samples, labels and parts are those that webdataset itself reads."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
import webdataset as wds

from builders.sources.webdataset import Webdataset
from common.errors import RequestError
from tests.builders.sources.packing import FITTED, folder_of_images, read_damaged


@pytest.fixture(autouse=True)
def _working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def image(tmp_path):
    return (folder_of_images(tmp_path / "one", ["1.png"]) / "1.png").read_bytes()


def images(tmp_path, count=5):
    root = folder_of_images(tmp_path / "photos", [f"{number}.jpg" for number in range(count)])
    return [(root / f"{number}.jpg").read_bytes() for number in range(count)]


def write(path, *files):
    """A tar of (name, content)."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return str(path)


def test_samples_are_those_that_webdataset_reads(tmp_path):
    os.makedirs("my shards")
    for part in ("train", "val"):
        with wds.ShardWriter(f"my shards/{part}-%06d.tar", maxcount=2, verbose=0) as writer:
            for number, content in enumerate(images(tmp_path)):
                sample = {"__key__": f"photos/{part} {number:03d}", "jpg": content, "txt": "a caption"}
                writer.write({**sample, "cls": number % 3, "json": {"label": 99}})
    source = Webdataset("my shards")
    shards = sorted(f"my shards/{name}" for name in os.listdir("my shards"))
    expected = list(wds.WebDataset(shards, shardshuffle=False))
    assert len(source) == len(expected) == 10
    assert [source.file(index) for index in range(10)] == [sample["jpg"] for sample in expected]
    assert source.labels().tolist() == [int(sample["cls"]) for sample in expected]
    assert source.class_names == ("0", "1", "2") and not source.remarks
    assert source.name_of(2) == "train-000001.tar/photos/train 002.jpg" == source.file_names()[2]
    assert source.own_splits == {"train": "train", "validation": "val"}
    assert source.part("train").tolist() == [0, 1, 2, 3, 4] and source.part("val").tolist() == [5, 6, 7, 8, 9]
    pattern = Webdataset("my shards/{train,val}-{000000..000002}.tar", class_names=["cat", "dog", "cow"])
    assert list(pattern.file_names()) == list(source.file_names()) and pattern.class_names == ("cat", "dog", "cow")
    one = Webdataset("my shards/val-000001.tar")
    assert [one.file(index) for index in range(2)] == [sample["jpg"] for sample in expected[7:9]]
    assert one.read(1, FITTED, (8, 8)).shape == (8, 8, 3)


def test_a_moved_dataset_keeps_index_and_fingerprint(tmp_path, image):
    write("a/train-0.tar", ("1.png", image), ("1.cls", b"1"))
    first = Webdataset("a").fingerprint()
    os.rename("a", "b")
    assert Webdataset("b").fingerprint() == first
    assert len(list((tmp_path / ".cache/sources").iterdir())) == 1
    write("b/train-0.tar", ("1.png", image), ("1.cls", b"0"))
    assert Webdataset("b").fingerprint() != first


@pytest.mark.parametrize(
    "name, part",
    [
        ("train-0001.tar", "train"),
        ("imagenet1k-validation-00.tar", "validation"),
        ("train/00000.tar", "train"),
        ("data/Test/shard_03.tar", "Test"),
        ("extra-00000-of-00005.tar", "extra"),
        ("extra-00000-of-00001-5d0c4c3b.tar", "extra"),
        ("train2017.tar", "train"),
        ("cc3m_017.tar", "cc3m"),
        ("00000.tar", None),
    ],
)
def test_parts_are_what_shards_are_called(image, name, part):
    write(f"set/{name}", ("1.png", image))
    assert Webdataset("set").part_names() == ([part] if part else [])


@pytest.mark.parametrize(
    "labels, expected, names",
    [
        ([("cls", b"2\n"), ("cls", b"0")], [2, 0], ("0", "1", "2")),
        ([("json", b'{"label": 1}'), ("json", b'{"label": 1.0}')], [1, 1], ("0", "1")),
        ([("json", b'{"label": "dog"}'), ("cls", b"cat")], [1, 0], ("cat", "dog")),
        ([("json", b'{"caption": "x"}'), ("txt", b"3")], [-1, -1], ()),
        ([("json", b"[" * 100_000), ("json", b'{"label": [1, 2]}')], [-1, -1], ()),
        ([("json", b'{"label": NaN}'), ("cls", b"-1")], [-1, -1], ()),
        ([("json", b"{"), ("cls", b"1")], [-1, 1], ("0", "1")),
    ],
)
def test_labels_are_numbers_or_words_or_none(image, labels, expected, names):
    files = [(f"{number}.{name}", content) for number, (name, content) in enumerate(labels)]
    write("a.tar", *files, ("0.png", image), ("1.png", image))
    source = Webdataset("a.tar")
    assert source.labels().tolist() == expected and source.class_names == names


def test_keys_of_image_and_label_are_chosen(image, tmp_path):
    content = json.dumps({"label": 0, "breed": "pug"}).encode()
    other = images(tmp_path, 1)[0]
    write(
        "a.tar",
        ("d.x/1.left.png", image),
        ("d.x/1.JPG", other),
        ("d.x/1.json", content),
        ("2.txt", b""),
        (".x.png", b""),
    )
    usual, chosen = Webdataset("a.tar"), Webdataset("a.tar", image_key="left.png", label_key="breed")
    assert usual.file(0) == other and usual.class_names == ("0",)
    assert chosen.file(0) == image and chosen.class_names == ("pug",) and chosen.labels().tolist() == [0]
    assert usual.remarks == ("1 sample is left out, for want of an image",)
    with pytest.raises(RequestError, match=r"none of 2 samples has an image with .* 'right\.png'; .*left\.png"):
        Webdataset("a.tar", image_key="right.png")


@pytest.mark.parametrize(
    "label, names, line",
    [
        (b"2", ["a", "b"], "class_names: there are 2 names, and labels up to 2; name all classes"),
        (b"cow", ["cat"], "class_names: 'cow' is a label, and not among the names"),
        (b"1000000", None, "class_names: expected class numbers below 1,000,000, got 1,000,000"),
    ],
)
def test_labels_beyond_the_names_get_a_line(image, label, names, line):
    write("a.tar", ("1.png", image), ("1.cls", label))
    with pytest.raises(RequestError, match=rf"^dataset\.source\.webdataset\.{line}"):
        Webdataset("a.tar", class_names=names)


def test_wrong_paths_and_damaged_shards_get_a_line(tmp_path, image):
    write("good/train-0.tar", ("1.png", image))
    write("text/a.tar", ("1.txt", b""))
    write("empty/a.tar")
    os.makedirs("none")
    (tmp_path / "none" / "a.tar.gz").write_bytes(b"\x1f\x8b")
    os.makedirs("cut")
    (tmp_path / "cut" / "a.tar").write_bytes((tmp_path / "good/train-0.tar").read_bytes()[:600])
    os.makedirs("pipe")
    os.mkfifo("pipe/a.tar")
    for path, line in {
        "gone": "no such file or folder: 'gone'; paths are relative",
        "good/train-{0..5}.tar": "5 of the 6 files of 'good/train-{0..5}.tar' are missing: 'good/train-1.tar', ",
        "{1..9}{1..9999999}.tar": "stands for more than 100,000 files; name their folder",
        "text": r"none of 1 samples has an image of a known format; their files are txt \(1\)",
        "empty": "the shards hold no sample, expected files such as",
        "none": r"'none' holds no \.tar file, nor do its sub-folders; other files: 1 \.gz",
        "none/a.tar.gz": "is compressed with gzip, .* unpack it with `gzip -dk none/a.tar.gz`",
        "cut": "cannot read 'cut/a.tar': it is cut short",
        "pipe": "cannot read 'pipe/a.tar': is not a regular file",
    }.items():
        with pytest.raises(RequestError, match=f"^dataset.source.webdataset.path: .*{line}"):
            Webdataset(path)


def test_damaged_shards_are_refused_or_have_bad_images(tmp_path, image):
    samples = [
        (f"{number}.{kind}", content) for number in range(4) for kind, content in (("png", image), ("cls", b"1"))
    ]
    original = tmp_path / write("a.tar", *samples, ("9.json", b'{"label": 3}'), ("9.png", image))
    outcomes = read_damaged(original, tmp_path / "mutant.tar", lambda path: Webdataset(str(path)))
    assert min(outcomes.values()) > 5, outcomes


def test_labels_number_every_image(image):
    write("a/train-0.tar", ("1.png", image), ("1.cls", b"1"), ("2.png", image))
    source = Webdataset("a")
    np.testing.assert_array_equal(source.labels(), [1, -1])


def test_samples_in_pieces_are_joined_and_repeated_names_reported(tmp_path, image):
    other = images(tmp_path, 1)[0]
    write("a.tar", ("1.png", image), ("2.png", image), ("1.cls", b"1"), ("2.cls", b"0"), ("1.png", other))
    source = Webdataset("a.tar")
    assert source.labels().tolist() == [1, 0] and source.file(0) == image
    assert source.remarks == (
        "1 file is left out, for an earlier one in the shard has the same name; keys must differ",
    )
