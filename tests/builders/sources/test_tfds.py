"""Datasets that TensorFlow Datasets really prepared, in both formats; and everything that can be wrong with them."""

import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from builders.dataset_builder import DatasetBuilder
from builders.images import fit_image
from builders.pixel_values import BadImageError
from builders.sources.tfds import Tfds
from builders.spec.data_types import Dataset, Image, SplitPart
from builders.spec.types import Decoder, Encoder, Spec
from builders.spec.values import Choice
from builders.tfds import image_records
from common.errors import RequestError
from tests.architectures.weights.mutants import mutant

COUNTS = {"train": 23, "test": 7}
FORMATS = ("tfrecord", "array_record")


def pixels(part, number):
    return np.random.default_rng([len(part), number]).integers(0, 256, (12, 10, 1), np.uint8)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data_dir with small digits in both formats, and colour photographs of many sizes with several features."""
    folder = tmp_path_factory.mktemp("tfds")
    features = tfds.features
    small = features.FeaturesDict(
        {"image": features.Image(shape=(12, 10, 1)), "label": features.ClassLabel(num_classes=4)}
    )
    for file_format in FORMATS:
        parts = {
            part: [(i, {"image": pixels(part, i), "label": i % 4}) for i in range(count)]
            for part, count in COUNTS.items()
        }
        store(f"small_{file_format}", small, parts, folder, file_format)
    rich = features.FeaturesDict(
        {
            "picture": features.Image(encoding_format="jpeg"),
            "animal": features.ClassLabel(names=["cat", "dog", "a long name"]),
            "meta": {"id": np.int64, "score": np.float32},
            "objects": features.Sequence({"kind": features.ClassLabel(num_classes=2)}),
        }
    )
    animals = [
        (i, {"picture": np.full((20 + i, 30, 3), 40 * i, np.uint8), "animal": i % 3, "meta": {"id": i, "score": 0.5},
             "objects": [{"kind": 1}, {"kind": 0}]})
        for i in range(5)
    ]  # fmt: skip
    store(
        "rich", rich, {"train": animals, "validation": animals[:2]}, folder, "tfrecord", config="big", version="2.1.0"
    )
    return folder


def store(name, features, parts, folder, file_format, config=None, version="1.0.0"):
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name, version=version, config=config, features=features, split_datasets=parts, data_dir=folder,
        file_format=file_format,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Every test works in a directory of its own, with its own cache."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".cache" / "tfds"


def opened(prepared, name, **arguments):
    return Tfds(name, data_dir=str(prepared), **arguments)


def as_tfds_reads(prepared, name, part):
    if "array_record" in name:
        return list(tfds.data_source(name, split=part, data_dir=prepared))
    return list(tfds.as_numpy(tfds.load(name, split=part, data_dir=prepared)))


@pytest.mark.parametrize("file_format", FORMATS)
def test_images_labels_and_order_are_those_of_tensorflow_datasets(prepared, cache, file_format):
    source = opened(prepared, f"small_{file_format}")
    assert (len(source), source.size, source.class_names) == (30, (12, 10), ("0", "1", "2", "3"))
    assert source.part_names() == ["train", "test"] and source.own_splits == {"train": "train", "test": "test"}
    assert source.part("validation") is None
    for part in COUNTS:
        theirs = as_tfds_reads(prepared, f"small_{file_format}", part)
        indices = source.part(part)
        assert source.labels()[indices].tolist() == [example["label"] for example in theirs]
        for index, example in zip(indices.tolist(), theirs):
            np.testing.assert_array_equal(source.read(index, Image(channels=1), (12, 10)), example["image"])
            source.check(index)
    assert source.name_of(0) == "train 0" and source.name_of(24) == "test 1"
    colour = source.read(3, Image(channels=3), (12, 10))
    assert colour.shape == (12, 10, 3) and (colour == source.read(3, Image(channels=1), (12, 10))).all()
    # TFRecord is copied once; array_record only has its labels noted.
    (folder,) = cache.iterdir()
    expected = {"index.npz", "images.bin"} if file_format == "tfrecord" else {"index.npz"}
    assert {path.name for path in folder.iterdir()} == expected


def test_features_of_other_names_configurations_and_sizes(prepared):
    source = opened(prepared, "rich")
    assert (len(source), source.size, source.class_names) == (7, None, ("cat", "dog", "a long name"))
    assert source.own_splits == {"train": "train", "validation": "validation"}
    for name in ("rich/big", "rich/big:2.1.0"):
        assert opened(prepared, name).fingerprint() == source.fingerprint()
    example = as_tfds_reads(prepared, "rich/big", "train")[2]
    assert source.labels()[2] == example["animal"]
    # Pillow and TensorFlow may round a JPEG's colours differently.
    shown = source.read(2, Image(), (16, 16)).astype(int)
    assert np.abs(shown - fit_image(example["picture"], Image(), (16, 16))).max() <= 2


def test_no_tensorflow_is_needed_to_read(prepared):
    code = (
        "import sys; from builders.sources import open_source; from builders.spec.data_types import Image\n"
        "from builders.spec.values import Choice\n"
        "for name in ('small_tfrecord', 'small_array_record'):\n"
        f"    source = open_source(Choice('tfds', {{'name': name, 'data_dir': {str(prepared)!r}}}))\n"
        "    source.labels(); source.read(1, Image(), (8, 8))\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'tensorflow_datasets', 'keras')))"
    )
    root = __file__.rsplit("/tests/", 1)[0]
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root}, check=False).returncode == 0


def test_the_copy_is_made_once_and_serves_many_threads(prepared, cache, monkeypatch):
    first = opened(prepared, "small_tfrecord")
    seen = []
    first.prepare(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (30, 30)
    monkeypatch.setattr(image_records, "read_tfrecords", lambda path: pytest.fail("read again"))
    again = opened(prepared, "small_tfrecord")
    order = np.random.default_rng(0).integers(0, 30, 400).tolist()
    for source in (again, opened(prepared, "small_array_record")):
        one = [source.read(index, Image(), (8, 8)) for index in order]
        with ThreadPoolExecutor(8) as threads:
            many = list(threads.map(source.read, order, repeat(Image()), repeat((8, 8))))
        np.testing.assert_array_equal(one, many)


def test_a_broken_cache_is_made_anew(prepared, cache):
    whole = opened(prepared, "small_tfrecord")
    images = [whole.read(index, Image(), (8, 8)) for index in range(30)]
    (folder,) = cache.iterdir()
    for damage in (
        lambda: (folder / "index.npz").write_bytes(b"PK"),
        lambda: (folder / "images.bin").write_bytes(b"x"),
    ):
        damage()
        source = opened(prepared, "small_tfrecord")
        np.testing.assert_array_equal([source.read(index, Image(), (8, 8)) for index in range(30)], images)
        assert list(cache.iterdir()) == [folder]


def test_two_processes_may_copy_at_once(prepared, cache, monkeypatch):
    sources = [opened(prepared, "small_tfrecord") for _ in range(4)]
    # Nobody renames before all have written: those who come late must not replace a cache that others read.
    together = threading.Barrier(len(sources))
    loaded = image_records._load_index

    def load(folder, count, copied):
        if (found := loaded(folder, count, copied)) is not None:
            seen.append(os.stat(folder).st_ino)
        return found

    def meet(folder):
        together.wait(60)
        return locked(folder)

    seen, locked = [], image_records._locked
    monkeypatch.setattr(image_records, "_load_index", load)
    monkeypatch.setattr(image_records, "_locked", meet)
    with ThreadPoolExecutor(len(sources)) as pool:
        list(pool.map(lambda source: source.prepare(), sources))
    assert len(set(seen)) == 1, "a whole cache was replaced"
    assert len(list(cache.iterdir())) == 1
    assert all((source.labels() == sources[0].labels()).all() for source in sources)


def test_a_copied_dataset_keeps_its_fingerprint_and_other_images_change_it(prepared, tmp_path):
    moved = shutil.copytree(prepared, tmp_path / "elsewhere")
    assert opened(moved, "small_tfrecord").fingerprint() == opened(prepared, "small_tfrecord").fingerprint()
    (shard,) = moved.glob("small_tfrecord/*/*train*")
    changed = bytearray(shard.read_bytes())
    changed[900] ^= 1
    shard.write_bytes(changed)
    assert opened(moved, "small_tfrecord").fingerprint() != opened(prepared, "small_tfrecord").fingerprint()


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_dataset_trains_by_its_parts(prepared, file_format):
    split = {
        "train": SplitPart(0.8, "train"),
        "validation": SplitPart("rest", "train"),
        "test": SplitPart("rest", "test"),
    }
    source = Choice("tfds", {"name": f"small_{file_format}", "data_dir": str(prepared)})
    dataset = Dataset(source=source, image=Image(channels=1), split=split, batch_size=5, balance=True)
    splits = DatasetBuilder(Spec(dataset=dataset, encoder=Encoder(), decoder=Decoder(), loss={}, seed=1)).build()
    assert {name: part.count for name, part in splits.items()} == {"train": 18, "validation": 5, "test": 7}
    assert splits.image_shape == (12, 10, 1) and splits.class_names == ("0", "1", "2", "3")
    batch = next(iter(splits["train"].epoch(0)))
    assert batch["image"].shape == (5, 12, 10, 1) and batch["label"].numpy().min() >= 0


def damaged(prepared, tmp_path, name, change):
    folder = shutil.copytree(prepared / name, tmp_path / "data" / name)
    change(next(folder.glob("**/*test.*record-*")))
    return tmp_path / "data"


def cut(length):
    return lambda path: path.write_bytes(path.read_bytes()[:length])


def flip(place):
    def change(path):
        content = bytearray(path.read_bytes())
        content[place] ^= 4
        path.write_bytes(content)

    return change


def promise(number):
    def change(path):
        info = path.parent / "dataset_info.json"
        content = json.loads(info.read_text())
        content["splits"][1]["shardLengths"] = [str(number)]
        info.write_text(json.dumps(content))

    return change


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("small_tfrecord", cut(-5), "is damaged: cut short in record 6;"),
        ("small_tfrecord", flip(100), "is damaged: the checksum of record 0 is wrong"),
        ("small_tfrecord", flip(3), "is damaged: the checksum of the length of record 0 is wrong"),
        ("small_tfrecord", promise(9), "7 records, dataset_info.json promises 9"),
        ("small_tfrecord", promise(5), "more records, dataset_info.json promises 5"),
        ("small_array_record", promise(9), "7 records, dataset_info.json promises 9"),
        ("small_array_record", cut(40_000), "test.array_record.* is damaged"),
        ("small_tfrecord", Path.unlink, "incomplete: it lacks small_tfrecord-test.tfrecord-00000-of-00001;"),
        ("small_tfrecord", lambda path: (path.parent / "features.json").unlink(), "it has no features.json"),
        ("small_tfrecord", lambda path: (path.parent / "dataset_info.json").write_text("{"), "cannot read .*info.json"),
    ],
)  # fmt: skip
def test_damage_is_found_before_training_and_said_in_one_line(prepared, tmp_path, cache, name, change, message):
    folder = damaged(prepared, tmp_path, name, change)
    with pytest.raises(RequestError, match=f"^dataset.source.tfds: .*{message}") as error:
        opened(folder, name).prepare()
    assert "\n" not in str(error.value)
    assert not cache.exists() or not list(cache.iterdir())


def test_a_damaged_record_of_a_file_read_in_place_is_a_bad_image(prepared, tmp_path):
    source = opened(prepared, "small_array_record")
    source.prepare()
    source._opened._image = "nothing"
    with pytest.raises(BadImageError, match="record 3: it holds no feature 'nothing'"):
        source.read(3, Image(), (8, 8))


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        (
            "mnist",
            {},
            r"'mnist' is not prepared in .*; on a machine with network run `python -c .*\('mnist', data_dir=",
        ),
        ("smal_tfrecord", {}, "which holds 'small_tfrecord'; on a machine"),
        (
            "small_tfrecord",
            {"version": "3.0.1"},
            "'small_tfrecord:3.0.1' is not prepared in .*, which holds 1.0.0; on a",
        ),
        ("small_tfrecord:1.0.0", {"version": "3.0.1"}, "'3.0.1' differs from that in the name"),
        ("rich/small", {}, "'rich/small' is not prepared in"),
        ("../secret", {}, "expected NAME, NAME/CONFIG or NAME/CONFIG:VERSION, got '../secret'"),
        ("rich", {"label_key": "animl"}, "label_key: the dataset has no such feature 'animl'; did you mean 'animal'"),
        ("rich", {"image_key": "meta/id"}, "image_key: the dataset has no such feature 'meta/id'; there is picture"),
    ],
)
def test_wrong_requests_get_one_clear_line(prepared, name, arguments, message):
    with pytest.raises(RequestError, match=message) as error:
        opened(prepared, name, **arguments)
    assert "\n" not in str(error.value)


def changed(content, random):
    """JSON of which one value is another, of any type."""
    root = json.loads(content)
    places = []

    def walk(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(root)
    node, key = places[random.integers(len(places))]
    values = [None, -1, "x", [], {}, 10**12, "1000000000", [[1]], 0.5, True, {"featuresDict": 1}]
    node[key] = values[random.integers(len(values))]
    return json.dumps(root).encode()


@pytest.mark.parametrize("file_format", FORMATS)
def test_changed_records_are_a_line_or_images(prepared, tmp_path, cache, file_format):
    name = f"small_{file_format}"
    folder = Path(shutil.copytree(prepared / name, tmp_path / "data" / name))
    file = next(folder.glob("**/*test.*record-*"))
    content, lines = file.read_bytes(), 0
    for seed in range(300):
        shutil.rmtree(cache, ignore_errors=True)
        file.write_bytes(mutant(content, seed))
        try:
            source = opened(tmp_path / "data", name)
            source.prepare()
            for index in range(len(source)):
                source.read(index, Image(channels=1), (12, 10))
        except (RequestError, BadImageError) as error:
            lines += 1
            assert "\n" not in str(error)
    assert lines > 100


@pytest.mark.parametrize("file", ["dataset_info.json", "features.json", "label.labels.txt"])
def test_changed_metadata_are_a_line_or_do_not_matter(prepared, tmp_path, file):
    random = np.random.default_rng(len(file))
    folder = Path(shutil.copytree(prepared / "small_tfrecord", tmp_path / "small_tfrecord")) / "1.0.0"
    content = (folder / file).read_bytes() if (folder / file).exists() else b"a\nb\nc\nd\n"
    lines = 0
    for number in range(300 if file.endswith("json") else 10):
        shutil.rmtree(tmp_path / ".cache", ignore_errors=True)
        if file.endswith("json") and number % 4:
            (folder / file).write_bytes(changed(content, random))
        else:
            other = bytearray(content)
            other[random.integers(len(other))] = random.integers(256)
            (folder / file).write_bytes(bytes(other))
        try:
            source = Tfds("small_tfrecord", data_dir=str(tmp_path))
            source.labels()
            source.check(0)
            assert all(name.encode("utf-8") for name in source.class_names)
        except (RequestError, BadImageError) as error:
            lines += 1
            assert "\n" not in str(error)
    assert lines > 20 or file == "label.labels.txt"


def test_a_number_of_classes_that_would_fill_the_memory_is_refused(prepared, tmp_path):
    folder = Path(shutil.copytree(prepared / "small_tfrecord", tmp_path / "small_tfrecord")) / "1.0.0"
    text = (folder / "features.json").read_text().replace('"numClasses": "4"', '"numClasses": "1000000000"')
    (folder / "features.json").write_text(text)
    for path in folder.glob("*.labels.txt"):
        path.unlink()
    with pytest.raises(RequestError, match=r"gives 'label' 1000000000 classes, expected up to 1,000,000"):
        Tfds("small_tfrecord", data_dir=str(tmp_path))
