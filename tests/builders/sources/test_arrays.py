"""Array files: formats, types and ranges of values, labels, parts, and one clear line for each mistake."""

import gzip
import os
import struct

import numpy as np
import pytest

from builders.pixel_values import BadImageError
from builders.sources.arrays import Arrays
from builders.spec.data_types import Image
from common.errors import RequestError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
LABELS = np.array([3, 1, 0, 2, 1, 1], np.uint8)
GREY = Image(channels=1)


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def rows(source):
    return np.stack([source.read(index, GREY, source.size) for index in range(len(source))])[..., 0]


def test_every_format_gives_the_same_images(tmp_path):
    np.save(tmp_path / "x.npy", PIXELS)
    np.savez(tmp_path / "one.npz", PIXELS)
    np.savez_compressed(tmp_path / "two.npz", x_train=PIXELS, y_train=LABELS)
    (tmp_path / "x-idx3-ubyte").write_bytes(idx(PIXELS))
    (tmp_path / "x-idx3-ubyte.gz").write_bytes(gzip.compress(idx(PIXELS)))
    (tmp_path / "y-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS)))
    for name in ("x.npy", "one.npz", "x-idx3-ubyte", "x-idx3-ubyte.gz"):
        source = Arrays(str(tmp_path / name))
        np.testing.assert_array_equal(rows(source), PIXELS)
        assert source.labels().tolist() == [-1] * 6 and not source.can_fail and source.part_names() == []
    for source in (
        Arrays(str(tmp_path / "two.npz"), images_key="x_train", labels_key="y_train"),
        Arrays(str(tmp_path / "x.npy"), labels=str(tmp_path / "y-idx1-ubyte.gz")),
    ):
        np.testing.assert_array_equal(rows(source), PIXELS)
        assert source.labels().tolist() == LABELS.tolist() and source.class_names == ("0", "1", "2", "3")


def test_train_and_test_are_parts(tmp_path):
    path = str(tmp_path / "all.npz")
    np.savez(path, x=PIXELS, y=LABELS, x_test=PIXELS[:2] // 2, y_test=LABELS[:2])
    source = Arrays(path, images_key="x", labels_key="y", test_images_key="x_test", test_labels_key="y_test")
    assert source.own_splits == {"train": "train", "test": "test"}
    assert source.part("train").tolist() == [0, 1, 2, 3, 4, 5] and source.part("test").tolist() == [6, 7]
    np.testing.assert_array_equal(rows(source), np.concatenate([PIXELS, PIXELS[:2] // 2]))
    assert source.labels().tolist() == [*LABELS, *LABELS[:2]]
    assert source.name_of(7) == "test_images[1]"


@pytest.mark.parametrize(
    "array, value_range",
    [
        (PIXELS / 255, None),
        ((PIXELS / 255).astype(np.float32), None),
        (PIXELS.astype(np.int32), None),
        (PIXELS.astype(np.uint16) * 257, None),
        (PIXELS.astype(np.float32) / 127.5 - 1, (-1.0, 1.0)),
        (PIXELS[..., None], None),
    ],
)
def test_values_of_every_type_arrive_as_the_same_8_bits(tmp_path, array, value_range):
    np.save(tmp_path / "x.npy", array)
    np.testing.assert_array_equal(rows(Arrays(str(tmp_path / "x.npy"), value_range=value_range)), PIXELS)


def test_words_are_numbered_in_sorted_order(tmp_path):
    np.savez(tmp_path / "x.npz", x=PIXELS, y=np.array(["b", "a", "c", "a", "b", "b"]))
    source = Arrays(str(tmp_path / "x.npz"), images_key="x", labels_key="y")
    assert source.class_names == ("a", "b", "c") and source.labels().tolist() == [1, 0, 2, 0, 1, 1]


def test_values_outside_the_range_are_damage(tmp_path):
    array = PIXELS / 255
    array[2, 0, 0], array[4, 0, 0] = np.nan, 2
    np.save(tmp_path / "x.npy", array)
    source = Arrays(str(tmp_path / "x.npy"))
    assert source.can_fail
    source.check(0)
    for bad in (2, 4):
        with pytest.raises(BadImageError, match="expected 0 to 1; set value_range"):
            source.check(bad)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"images": "gone.npy"}, "images: no such file: 'gone.npy'"),
        ({"images": "two.npz"}, "images_key: 'two.npz' holds several arrays, name one of: x_train, y_train"),
        ({"images": "two.npz", "images_key": "x_tran"}, "did you mean 'x_train'?"),
        ({"images": "x.npy", "images_key": "a"}, "images_key: 'x.npy' is no .npz file"),
        ({"images": "first.npy"}, "images: channels stand first in 'first.npy' (6×3×5×4)"),
        ({"images": "y.npy"}, "images: expected [count, height, width]"),
        ({"images": "objects.npy"}, "images: cannot read 'objects.npy'"),
        ({"images": "cut.gz"}, "images: cannot read 'cut.gz'"),
        ({"images": "lies"}, "its header promises 6×5×4 values of 1 bytes, 100 bytes follow"),
        ({"images": "text"}, "is no .npy, .npz or IDX file"),
        ({"images": "void.npy"}, "holds no image"),
        ({"images": "x.npy", "labels": "y5.npy"}, "labels: expected one label for each of 6 images"),
        ({"images": "x.npy", "labels": "half.npy"}, "labels: expected whole numbers from 0, or words"),
        ({"images": "x.npy", "test_labels": "y.npy"}, "test_labels: given without test_images"),
        ({"images": "x.npy", "value_range": (1.0, 0.0)}, "value_range: expected [black, white]"),
    ],
)
def test_each_mistake_gets_one_clear_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", PIXELS)
    np.save("y.npy", LABELS)
    np.save("y5.npy", LABELS[:5])
    np.save("half.npy", LABELS + 0.5)
    np.save("void.npy", PIXELS[:0])
    np.save("first.npy", np.repeat(PIXELS[:, None], 3, 1))
    np.save("objects.npy", np.array([{}, []], object), allow_pickle=True)
    np.savez("two.npz", x_train=PIXELS, y_train=LABELS)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(idx(PIXELS))[:-20])
    (tmp_path / "lies").write_bytes(idx(PIXELS)[:-20])
    (tmp_path / "text").write_text("hello there")
    with pytest.raises(RequestError) as error:
        Arrays(**arguments)
    assert str(error.value).startswith("dataset.source.arrays.") and message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(480, 640, 3), (4, 5, 3), (480, 640, 1), (480, 640, 4)])
def test_one_photograph_is_not_a_stack_of_narrow_images(tmp_path, shape):
    np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
    with pytest.raises(RequestError, match=r"images: '.*x\.npy' \(.*\) is one image with . channels, expected \[count"):
        Arrays(str(tmp_path / "x.npy"))
    np.save(tmp_path / "y.npy", np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(RequestError, match=r"test_images: '.*x\.npy' \(.*\) is one image"):
        Arrays(str(tmp_path / "y.npy"), test_images=str(tmp_path / "x.npy"))


@pytest.mark.parametrize(
    "words, names",
    [
        (np.array(["kočka", "über", "kočka"]), ("kočka", "über")),
        (np.array([word.encode() for word in ("kočka", "über", "kočka")]), ("kočka", "über")),
        (np.array([b"caf\xe9", b"a\nb", b"caf\xe9"]), ("a\\nb", "caf\\xe9")),
    ],
)
def test_labels_may_be_words_in_any_bytes(tmp_path, words, names):
    np.savez(tmp_path / "x.npz", x=PIXELS[:3], y=words)
    source = Arrays(str(tmp_path / "x.npz"), images_key="x", labels_key="y")
    assert source.class_names == names
    assert source.labels()[0] == source.labels()[2] != source.labels()[1]


@pytest.mark.parametrize(
    "labels", [[0.0, np.nan, 1.0], [0.0, np.inf, 1.0], [0, 1e300, 1], np.array([0, 2**63, 1], "u8")]
)
def test_labels_that_no_class_can_have_are_refused_without_a_warning(tmp_path, labels):
    np.savez(tmp_path / "x.npz", x=PIXELS[:3], y=np.array(labels))
    with pytest.raises(RequestError, match=r"labels: expected whole numbers from 0, or words"):
        Arrays(str(tmp_path / "x.npz"), images_key="x", labels_key="y")


def test_values_beyond_a_given_range_are_clipped_and_never_wrap(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[[-500, 0], [1000, 3000]]], np.int16))
    source = Arrays(str(tmp_path / "x.npy"), value_range=(0, 1000))
    assert source.read(0, GREY, (2, 2))[..., 0].tolist() == [[0, 0], [255, 255]]
    np.save(tmp_path / "y.npy", np.array([[[np.nan, 0], [1, 1]]], np.float32))
    with pytest.raises(BadImageError, match="not finite"):
        Arrays(str(tmp_path / "y.npy"), value_range=(0, 1)).check(0)


@pytest.mark.parametrize(
    "shape, said",
    [
        ((3, 64, 64), r"x.npy' (3×64×64) is read as 3 images of 64×64 pixels; if it is one image whose channels stand"),
        ((1, 16, 20), r"x.npy' (1×16×20) is read as 1 image of 16×20 pixels; if it is one image"),
        ((28, 28, 6000), r"is read as 28 images of 28×6000 pixels; if the last axis counts images, save it as"),
        ((8, 8, 90, 1), r"if the last axis counts images, save it as transpose(2, 0, 1, 3)"),
        ((5, 64, 64), None),
        ((3, 8, 8), None),
        ((60, 28, 28), None),
        ((60, 28, 28, 3), None),
        ((40, 32, 128), None),
    ],
)
def test_axes_that_may_stand_for_something_else_are_said(tmp_path, shape, said):
    np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
    np.save(tmp_path / "fine.npy", np.zeros((7, 8, 8), np.uint8))
    for arguments in (("x.npy",), ("fine.npy", None, "x.npy")):
        source = Arrays(*(name and str(tmp_path / name) for name in arguments))
        assert len(source.remarks) == (said is not None)
        assert said is None or said in source.remarks[0]


@pytest.mark.parametrize("value_range", [(-1e308, 1e308), (0, float("inf")), (0, 10**400)])
def test_value_ranges_too_wide_for_numbers_are_refused(tmp_path, value_range):
    np.save(tmp_path / "x.npy", np.zeros((7, 8, 8), np.float32))
    with pytest.raises(RequestError, match="value_range: black and white are too far apart"):
        Arrays(str(tmp_path / "x.npy"), value_range=value_range)


def test_a_pipe_in_place_of_a_file_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "x.npy")
    with pytest.raises(RequestError, match=r"images: is no regular file, expected a \.npy"):
        Arrays(str(tmp_path / "x.npy"))


def test_the_layout_of_medmnist_has_its_own_validation_and_test_images(tmp_path):
    arrays = {f"{part}_images": PIXELS[at] for part, at in (("train", slice(0, 3)), ("val", [3]), ("test", [4, 5]))}
    labels = {
        f"{part}_labels": LABELS[at, None] for part, at in (("train", slice(0, 3)), ("val", [3]), ("test", [4, 5]))
    }
    np.savez_compressed(tmp_path / "bloodmnist.npz", **arrays, **labels)
    keys = {"images_key": "train_images", "labels_key": "train_labels"}
    keys |= {"validation_images_key": "val_images", "validation_labels_key": "val_labels"}
    keys |= {"test_images_key": "test_images", "test_labels_key": "test_labels"}
    source = Arrays(str(tmp_path / "bloodmnist.npz"), **keys)
    np.testing.assert_array_equal(rows(source), PIXELS)
    assert source.labels().tolist() == LABELS.tolist() and source.class_names == ("0", "1", "2", "3")
    assert source.own_splits == {"train": "train", "validation": "validation", "test": "test"}
    assert [source.part(name).tolist() for name in source.part_names()] == [[0, 1, 2], [3], [4, 5]]
    assert [source.name_of(index) for index in (0, 3, 5)] == ["images[0]", "validation_images[0]", "test_images[1]"]
    # Without test images, the own validation images are a part all the same.
    for name in ("test_images_key", "test_labels_key"):
        keys.pop(name)
    assert Arrays(str(tmp_path / "bloodmnist.npz"), **keys).part_names() == ["train", "validation"]
    np.savez(tmp_path / "chestmnist.npz", train_images=PIXELS, train_labels=np.eye(6, 14, dtype=np.uint8))
    with pytest.raises(RequestError, match=r"arrays\.labels: 14 labels for each image in .*, expected one; save one"):
        Arrays(str(tmp_path / "chestmnist.npz"), images_key="train_images", labels_key="train_labels")
    with pytest.raises(RequestError, match=r"arrays\.validation_labels: given without validation_images"):
        Arrays(str(tmp_path / "chestmnist.npz"), images_key="train_images", validation_labels_key="train_labels")
