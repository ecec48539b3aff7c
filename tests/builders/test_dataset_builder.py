"""DatasetBuilder: batches, exact resumption, independence of threads and memory, damaged images, clear errors."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as Pillow

from builders import dataset_builder, image_store
from builders.dataset_builder import DatasetBuilder, image_shape
from builders.images import fit_image
from builders.spec.data_types import Classes, Dataset, Image, SplitPart
from builders.spec.types import Decoder, Encoder, Spec
from builders.spec.values import Choice
from common.errors import RequestError

AUGMENT = (Choice("random_flip", {"axis": "both"}), Choice("random_shift", {"pixels": 2}), Choice("random_brightness"))


def spec_of(source, arguments=None, seed=42, **fields):
    dataset = Dataset(source=Choice(source, arguments or {}), **{"image": Image(size=16), "batch_size": 8, **fields})
    return Spec(dataset=dataset, encoder=Encoder(), decoder=Decoder(), loss={}, seed=seed)


def photos(**fields):
    return spec_of("photos", {"crops": 5, "held_out_crops": 4}, **fields)


def collect(data):
    batches = [{key: value.numpy() for key, value in batch.items()} for batch in data]
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / "images" / f"class{number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(generator.integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    return tmp_path / "images"


def test_an_epoch_shows_every_image_once_in_batches(folder):
    splits = DatasetBuilder(spec_of("folder", {"path": str(folder)})).build()
    assert list(splits) == ["train", "validation", "test"] and splits.image_shape == (16, 16, 3)
    assert splits.class_names == ("class0", "class1") and splits.drawn_classes == () and splits.bad_images == []
    train = splits["train"]
    assert (train.count, train.steps_per_epoch, train.batch_size) == (16, 2, 8)
    batches = list(train.epoch(0))
    assert [batch["image"].shape for batch in batches] == [(8, 16, 16, 3), (8, 16, 16, 3)]
    shown = collect(train.epoch(0))
    assert shown["image"].dtype == np.uint8 and shown["index"].dtype == np.int64 and shown["label"].dtype == np.int64
    np.testing.assert_array_equal(np.sort(shown["index"]), train.indices)
    for image, index, label in zip(shown["image"], shown["index"], shown["label"]):
        position = int(np.searchsorted(train.indices, index))
        np.testing.assert_array_equal(image, train.image(position))
        assert train.name_of(position).startswith(f"class{label}/") and train.labels[position] == label
        original = np.asarray(Pillow.open(folder / train.name_of(position)))
        np.testing.assert_array_equal(image, fit_image(original, Image(), (16, 16)))
    assert (collect(train.epoch(1))["index"] != shown["index"]).any()


def test_the_last_batch_may_be_short_and_orders_are_fixed_outside_training():
    splits = DatasetBuilder(photos(augment=AUGMENT)).build()
    assert [len(batch["index"]) for batch in splits["train"].epoch(0)] == [8, 8, 8, 6]
    test = splits["test"]
    for data in (test.in_order(), test.epoch(3)):
        shown = collect(data)
        assert shown["image"].dtype == np.uint8
        np.testing.assert_array_equal(shown["index"], test.indices)
    assert len(collect(test.in_order(5))["index"]) == 5
    assert collect(test.in_order(99))["image"].shape == (8, 16, 16, 3)
    np.testing.assert_array_equal(collect(splits["train"].in_order())["index"], splits["train"].indices)


@pytest.mark.parametrize("start_step", [1, 3])
def test_a_resumed_epoch_is_exactly_the_rest_of_it(start_step):
    builder = DatasetBuilder(photos(augment=AUGMENT))
    whole = collect(builder.build()["train"].epoch(2))
    train = builder.build()["train"]  # as in a new process: nothing is decoded yet
    rest = collect(train.epoch(2, start_step))
    assert whole["image"].dtype == np.float32 and whole["image"].min() >= 0 and whole["image"].max() <= 1
    for key in whole:
        np.testing.assert_array_equal(rest[key], whole[key][start_step * 8 :])
    assert list(train.epoch(2, train.steps_per_epoch)) == []


def test_skipped_steps_are_not_decoded():
    train = DatasetBuilder(photos()).build()["train"]
    read = []
    original = train._store._read
    train._store._read = lambda row: read.append(row) or original(row)
    collect(train.epoch(0, 3))
    assert len(read) == 6


def test_results_depend_neither_on_threads_nor_on_memory(monkeypatch):
    def shown(threads):
        return collect(DatasetBuilder(photos(augment=AUGMENT), threads=threads).build()["train"].epoch(1))

    one = shown(1)
    four = shown(4)
    monkeypatch.setattr(dataset_builder, "MEMORY_SHARE", 0.0)
    for other in (four, shown(4)):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_augmentation_belongs_to_seed_epoch_and_index():
    train = DatasetBuilder(photos(augment=AUGMENT)).build()["train"]
    unshuffled = DatasetBuilder(photos(augment=AUGMENT, shuffle=False)).build()["train"]
    shuffled, ordered = collect(train.epoch(1)), collect(unshuffled.epoch(1))
    np.testing.assert_array_equal(ordered["index"], unshuffled.indices)
    places = np.argsort(shuffled["index"])
    np.testing.assert_array_equal(shuffled["image"][places], ordered["image"])
    assert (collect(unshuffled.epoch(2))["image"] != ordered["image"]).any()
    other = DatasetBuilder(photos(augment=AUGMENT, shuffle=False, seed=1)).build()["train"]
    assert (collect(other.epoch(1))["image"] != ordered["image"]).any()


def test_balance_and_classes(tmp_path):
    labels = np.repeat([0, 1, 2], [40, 15, 5])
    np.savez(tmp_path / "x.npz", x=np.zeros((60, 4, 4), np.uint8), y=labels)
    arguments = {"images": str(tmp_path / "x.npz"), "images_key": "x", "labels_key": "y"}
    fields = {"image": Image(channels=1), "split": {"train": SplitPart("rest")}, "balance": True}
    splits = DatasetBuilder(spec_of("arrays", arguments, **fields)).build()
    assert splits.image_shape == (4, 4, 1) and "test" not in splits
    assert np.bincount(collect(splits["train"].epoch(0))["label"]).tolist() == [20, 20, 20]
    fields["classes"] = Classes(names=("2", "1"))
    chosen = DatasetBuilder(spec_of("arrays", arguments, **fields)).build()
    assert chosen.drawn_classes == ("2", "1") and np.bincount(chosen["train"].labels).tolist() == [0, 15, 5]


@pytest.mark.parametrize("memory", [0.25, 0.0])
def test_damaged_images_are_named_before_training_or_skipped(folder, monkeypatch, memory):
    monkeypatch.setattr(dataset_builder, "MEMORY_SHARE", memory)
    path = folder / "class0" / "04.png"
    path.write_bytes(path.read_bytes()[:300])
    (folder / "class1" / "05.png").write_text("not an image")
    (folder / "class1" / "07.png").unlink()
    (folder / "class1" / "07.png").symlink_to("nowhere.png")
    arguments = {"path": str(folder)}
    with pytest.raises(RequestError) as error:
        DatasetBuilder(spec_of("folder", arguments)).build()
    message = str(error.value)
    assert "3 unreadable images: class0/04.png: " in message and "class1/05.png: not a JPEG" in message
    assert "class1/07.png: No such file" in message
    assert message.endswith("or set dataset.on_bad_image: skip") and "\n" not in message
    seen = []
    builder = DatasetBuilder(
        spec_of("folder", arguments, on_bad_image="skip"), progress=lambda *step: seen.append(step)
    )
    splits = builder.build()
    assert splits.bad_images == ["class0/04.png", "class1/05.png", "class1/07.png"] and seen[-1] == (20, 20)
    names = [split.name_of(position) for split in splits.values() for position in range(split.count)]
    assert len(set(names)) == 17 and not set(names) & set(splits.bad_images)
    for split in splits.values():
        assert collect(split.epoch(0))["image"].shape[0] == split.count


def test_a_split_of_nothing_but_damage_is_refused(folder):
    for path in folder.rglob("*.png"):
        path.write_text("gone")
    with pytest.raises(RequestError, match=r"dataset.split.train: none of its 16 images can be read"):
        DatasetBuilder(spec_of("folder", {"path": str(folder)}, on_bad_image="skip")).build()


def test_an_image_that_vanishes_while_training_is_named(folder, monkeypatch):
    monkeypatch.setattr(dataset_builder, "MEMORY_SHARE", 0.0)
    train = DatasetBuilder(spec_of("folder", {"path": str(folder)})).build()["train"]
    name = train.name_of(3)
    (folder / name).unlink()
    with pytest.raises(tf.errors.OpError):
        list(train.epoch(0))
    assert isinstance(train.failure, RequestError)
    assert f"unreadable image '{name}': No such file" in str(train.failure)


def test_one_split_alone_is_divided_as_in_company(folder):
    builder = DatasetBuilder(spec_of("folder", {"path": str(folder)}))
    whole, alone = builder.build(), builder.build(only=("test",))
    assert list(alone) == ["test"] and alone.fingerprint == whole.fingerprint
    np.testing.assert_array_equal(alone["test"].indices, whole["test"].indices)


def test_the_fingerprint_follows_images_settings_and_division():
    prints = {
        DatasetBuilder(spec).build().fingerprint
        for spec in (
            photos(),
            photos(image=Image(size=17)),
            photos(image=Image(size=16, margin=0.1)),
            photos(split={"train": SplitPart(0.5)}),
            spec_of("photos", {"crops": 6, "held_out_crops": 4}),
        )
    }
    assert len(prints) == 5 and DatasetBuilder(photos(batch_size=3)).build().fingerprint in prints


def test_balance_needs_labels():
    with pytest.raises(RequestError, match=r"dataset.balance: this source has no labels"):
        DatasetBuilder(photos(balance=True)).build()


def test_sizes_come_from_the_spec_or_the_source(folder):
    assert image_shape(spec_of("digits", image=Image(channels=1))) == (28, 28, 1)
    assert image_shape(spec_of("folder", {"path": "not opened"}, image=Image(size=(4, 6)))) == (4, 6, 3)
    with pytest.raises(RequestError, match=r"dataset.image.size: the source's images differ in size"):
        image_shape(spec_of("folder", {"path": str(folder)}, image=Image()))


def test_wrong_augmentations_are_named():
    for choice, message in (
        (Choice("random_flop"), "dataset.augment.0: unknown augmentation 'random_flop'; did you mean 'random_flip'"),
        (Choice("random_shift", {"pixels": 0}), "dataset.augment.0: random_shift.pixels must be at least 1, got 0"),
    ):
        with pytest.raises(RequestError, match=message):
            DatasetBuilder(photos(augment=(choice,))).build()


def test_memory_of_a_container_counts(tmp_path, monkeypatch):
    assert image_store.free_memory() > 0
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    monkeypatch.setattr(image_store, "CGROUP", tmp_path)
    assert image_store.free_memory() == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert image_store.free_memory() > 1000
