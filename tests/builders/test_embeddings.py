"""Pairing of rows with images: by order and by name, and what is missing, doubled or no number."""

import numpy as np
import PIL.Image
import pytest

from builders.dataset_builder import DatasetBuilder
from builders.image_names import match_names
from builders.spec import load_spec
from common.errors import RequestError

IMAGES = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/3.jpg"]
SPEC = """
dataset: {source: {folder: {path: PHOTOS}}, image: {size: 8}, split: {train: 0.5, validation: rest}, batch_size: 4}
encoder: {embeddings: {path: FILE}}
decoder: {architecture: {dense: {units: [4]}}}
loss: {mse: 1}
"""


def places(rows, images=IMAGES):
    return match_names(rows, images, "v.npz").tolist()


@pytest.mark.parametrize(
    "shape",
    [
        lambda name: name,
        lambda name: f"./{name}",
        lambda name: f"/data/photos/{name}",
        lambda name: name.replace("/", "\\"),
        lambda name: name.rpartition(".")[0],
        lambda name: f"/data/{name.replace('.jpg', '.png')}",
    ],
)
def test_names_in_any_order(shape):
    order = np.random.default_rng(3).permutation(4)
    assert places([shape(IMAGES[image]) for image in order]) == np.argsort(order).tolist()


def test_unique_last_parts_are_enough_and_others_are_not():
    assert places(["2.jpg", "3", "cat/1.jpg", "dog/1"]) == [2, 0, 3, 1]
    assert places(["1.jpg", "2.jpg"]) == [-1, 1, -1, -1]


def test_an_exact_name_comes_before_a_similar_one():
    assert places(["x/cat/1.jpg", "cat/1.jpg", "cat/2.jpg"])[:2] == [1, 2]


def test_numbers_count_images_only_where_nothing_has_such_a_name():
    assert places(["3", "0", "1", "02"], ["digit a", "digit b", "digit c", "digit d"]) == [1, 2, 3, 0]
    assert places(["2", "1"], ["1.png", "2.png", "0.png"]) == [1, 0, -1]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (["cat/1.jpg", "a", "cat/1.jpg"], "rows 0 and 2 of 'v.npz' are both of image 'cat/1.jpg'"),
        (["2.jpg", "a/2.jpg"], "rows 0 and 1 of 'v.npz' are both of image 'cat/2.jpg'"),
        (["a", "b"], "no row of 'v.npz' has the name of an image: rows are 'a', 'b', images 'cat/1.jpg', "),
        (["1", "4"], "no row of"),
    ],
)
def test_doubled_and_unknown_names(rows, line):
    with pytest.raises(RequestError, match=line):
        places(rows)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8)
    for number, picture in enumerate(pixels):
        path = tmp_path / "my photos" / f"class {number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(picture).save(path)
    return tmp_path


# As the folder lists them: by class, then by name.
ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
ROWS = np.arange(16, dtype=np.float32).reshape(8, 2)


def build(folder, file, **more):
    text = SPEC.replace("PHOTOS", "my photos").replace("FILE", file)
    for key, value in more.items():
        text = text.replace("batch_size", f"{key}: {value}, batch_size")
    (folder / "s.yaml").write_text(text)
    return DatasetBuilder(load_spec(folder / "s.yaml").spec).build()


def by_name(splits):
    found = {}
    for split in splits.values():
        for batch in [*split.epoch(1), *split.in_order()]:
            for index, row in zip(batch["index"].numpy(), batch["embedding"].numpy()):
                found.setdefault(int(index), row.tolist())
                assert found[int(index)] == row.tolist()
        sample = split.sample(np.arange(split.count))
        for index, row in zip(split.indices.tolist(), sample["embedding"].tolist()):
            assert found[index] == row
    return {splits.data.source.name_of(index): row for index, row in found.items()}


def test_batches_and_samples_carry_the_row_of_their_image(folder):
    np.save(folder / "v.npy", ROWS[ORDER])
    shuffled = np.random.default_rng(1).permutation(8)
    names = np.array([f"/home/x/class {number % 2}/{number}.png" for number in range(8)])
    np.savez(folder / "v.npz", emb=ROWS[shuffled].astype(np.float64), names=names[shuffled])
    ordered, named = build(folder, "v.npy"), build(folder, "v.npz")
    expected = {f"class {number % 2}/{number}.png": ROWS[number].tolist() for number in range(8)}
    assert by_name(ordered) == by_name(named) == expected
    # Neither format nor order of the file counts.
    assert ordered.embedding_hash() == named.embedding_hash()
    np.save(folder / "v.npy", ROWS)
    assert build(folder, "v.npy").embedding_hash() != named.embedding_hash()


def test_counts_must_agree_in_order(folder):
    np.save(folder / "v.npy", ROWS[:7])
    with pytest.raises(RequestError, match=r"encoder.embeddings.path: 'v.npy' has 7 rows, and the source has 8 images"):
        build(folder, "v.npy")


def test_missing_and_surplus_rows(folder):
    names = [f"{number}.png" for number in range(2, 8)]
    np.savez(folder / "v.npz", emb=ROWS[:7], names=np.array([*names, "of no image"]))
    line = r"2 of 8 images have no row in 'v.npz': 'class 0/0.png', 'class 1/1.png'; write .*dataset.on_bad_image: skip"
    with pytest.raises(RequestError, match=line):
        build(folder, "v.npz")
    splits = build(folder, "v.npz", on_bad_image="skip")
    assert splits.bad_images == ["class 0/0.png", "class 1/1.png"]
    assert sum(split.count for split in splits.values()) == 6
    assert any("1 row of no image: 'of no image'" in remark for remark in splits.remarks)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_rows_that_are_no_numbers(folder, value):
    rows = ROWS[ORDER].astype(np.float64)
    rows[2, 1] = value
    np.save(folder / "v.npy", rows)
    with pytest.raises(RequestError, match=r"1 row of 'v.npy' holds NaN, infinity or no number: 'class 0/4.png'"):
        build(folder, "v.npy")
    assert build(folder, "v.npy", on_bad_image="skip").bad_images == ["class 0/4.png"]
