"""Tiny ImageNet's layout in miniature, ILSVRC's class folders, and the classes that are drawn from both."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image as Pillow

from builders.pixel_values import BadImageError
from builders.sources.tiny_imagenet import TinyImagenet
from builders.spec.data_types import Image
from common.errors import RequestError
from tests.specs import write_spec
from workflows.training.train import train

IDS = tuple(f"n{number:08}" for number in range(1440764, 1440764 + 6))
PER_CLASS = 5
HELD_OUT = 3

SPEC = """
version: 1
seed: 3
dataset:
  source: SOURCE
  classes: {count: 4}
  image: {size: 16, channels: 1}
  split: SPLIT
  balance: true
  batch_size: 8
encoder:
  layers: [Flatten, Dense: {units: 4}]
decoder:
  layers: [Dense: {units: 256, activation: sigmoid}, Reshape: {target_shape: [16, 16, 1]}]
loss: {mse: 1}
training: {epochs: 1}
logging: {samples: null}
"""


def save(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.full((64, 64, 3), number % 256, np.uint8)).save(path, "JPEG")


@pytest.fixture
def root(tmp_path):
    """The layout of tiny-imagenet-200.zip, with fewer classes and images."""
    root = tmp_path / "tiny-imagenet-200"
    for place, name in enumerate(IDS):
        for number in range(PER_CLASS):
            save(root / "train" / name / "images" / f"{name}_{number}.JPEG", 40 * place + number)
        (root / "train" / name / f"{name}_boxes.txt").write_text(f"{name}_0.JPEG\t0\t10\t63\t58\n")
    lines = []
    for number in range(HELD_OUT * len(IDS)):
        save(root / "val" / "images" / f"val_{number}.JPEG", number)
        lines.append(f"val_{number}.JPEG\t{IDS[-1 - number % len(IDS)]}\t0\t32\t44\t62")
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    for number in range(2):
        save(root / "test" / "images" / f"test_{number}.JPEG", 0)
    (root / "wnids.txt").write_text("\n".join(reversed(IDS)))
    (root / "words.txt").write_text(f"n00001740\tentity\n{IDS[0]}\ttench, Tinca tinca\n")
    return root


def test_parts_classes_and_names(root):
    source = TinyImagenet(str(root))
    assert len(source) == (PER_CLASS + HELD_OUT) * len(IDS) and source.class_names == IDS
    assert source.part_names() == ["train", "val"] and source.own_splits == {"train": "train", "test": "val"}
    train_part, held_out = source.part("train"), source.part("val")
    assert np.bincount(source.labels()[train_part]).tolist() == [PER_CLASS] * len(IDS)
    assert np.bincount(source.labels()[held_out]).tolist() == [HELD_OUT] * len(IDS)
    assert source.part("test") is None
    for index in (*train_part[:2].tolist(), *held_out[:7].tolist()):
        path, _, word = source.name_of(index).partition(" ")
        shown = np.asarray(Pillow.open(root / path))
        np.testing.assert_array_equal(source.read(index, Image(), (64, 64)), shown)
        label = int(source.labels()[index])
        assert word == ("(tench)" if label == 0 else "")
        if path.startswith("val"):
            assert label == len(IDS) - 1 - int(path.split("_")[1].split(".")[0]) % len(IDS)


def test_damage_is_found_without_decoding(root):
    source = TinyImagenet(str(root))
    path = root / source.name_of(9)
    path.write_bytes(path.read_bytes()[:300])
    source.check(8)
    with pytest.raises(BadImageError):
        source.check(9)


def remove(root, *names):
    for name in names:
        shutil.rmtree(root / name)


def annotate(root, text):
    path = root / "val" / "val_annotations.txt"
    path.unlink() if text is None else path.write_text(text)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda root: remove(root, "val"), "has not the folders train and val/images"),
        (lambda root: annotate(root, None), "cannot read '.*val_annotations.txt': No such file"),
        (lambda root: annotate(root, "val_0.JPEG\tn9\n"), "annotations.txt:1: expected"),
        (lambda root: annotate(root, ""), "gives no class for 'val_0.JPEG'"),
        (lambda root: remove(root, *(f"train/{name}" for name in IDS)), "holds no image of the form ID/images"),
    ],
)
def test_other_layouts_get_one_clear_line(root, change, message):
    change(root)
    with pytest.raises(RequestError, match=f"^dataset.source.tiny_imagenet.path: .*{message}") as error:
        TinyImagenet(str(root))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("layout", ["tiny_imagenet", "class folders"])
def test_a_run_tells_which_classes_were_drawn(root, tmp_path, layout):
    if layout == "tiny_imagenet":
        source, split = (
            f"{{tiny_imagenet: {{path: {root}}}}}",
            "{train: {from: train}, test: {from: val, per_class: 2}}",
        )
        counts = {"train": 4 * PER_CLASS, "test": 4 * 2}
    else:
        # ILSVRC's validation images in a folder for each class, as the usual script sorts them.
        folder = tmp_path / "ILSVRC2012_val"
        for place, name in enumerate(IDS):
            for number in range(PER_CLASS):
                save(folder / name / f"ILSVRC2012_val_{place * PER_CLASS + number + 1:08}.JPEG", 40 * place + number)
        source, split = f"{{folder: {{path: {folder}}}}}", "{train: rest, test: {per_class: 2}}"
        counts = {"train": 4 * (PER_CLASS - 2), "test": 4 * 2}
    spec = write_spec(tmp_path, SPEC.replace("SOURCE", source).replace("SPLIT", split))
    run = train(spec, runs_dir=tmp_path / "runs", verbose=0)
    dataset = run.environment()["dataset"]
    assert dataset["images"] == counts
    assert len(dataset["classes"]) == 4 and set(dataset["classes"]) < set(IDS)
    assert dataset["classes"] == sorted(dataset["classes"])


def test_changed_annotations_are_a_line_or_do_not_matter(root):
    random = np.random.default_rng(0)
    path = root / "val" / "val_annotations.txt"
    content = path.read_bytes()
    for _ in range(300):
        mutant = bytearray(content)
        mutant[random.integers(len(mutant))] = random.integers(256)
        path.write_bytes(bytes(mutant))
        try:
            assert TinyImagenet(str(root)).labels().max() < len(IDS)
        except RequestError as error:
            assert "\n" not in str(error)
            str(error).encode("utf-8")


def test_names_that_are_no_utf_8_are_shown_and_hashed(root):
    images = root / "train" / IDS[0] / "images"
    [first, *_] = sorted(images.iterdir())
    os.rename(first, os.fsencode(images) + b"/caf\xe9.JPEG")
    source = TinyImagenet(str(root))
    assert any("caf\\xe9.JPEG" in source.name_of(index) for index in range(len(source)))
    assert len(source.fingerprint()) == 64


@pytest.mark.parametrize("name", ["val/val_annotations.txt", "words.txt"])
@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_texts_that_never_end_are_not_waited_for(root, name, kind):
    (root / name).unlink()
    os.mkfifo(root / name) if kind == "pipe" else os.symlink("/dev/zero", root / name)
    if name == "words.txt":
        assert TinyImagenet(str(root)).name_of(0).endswith(".JPEG")
        return
    with pytest.raises(RequestError, match=r"cannot read '.*val_annotations\.txt': is not a regular file"):
        TinyImagenet(str(root))


def test_classes_whose_names_are_no_utf_8_are_shown_stored_and_hashed(root):
    train = os.fsencode(root / "train")
    os.rename(train + b"/" + IDS[0].encode(), train + b"/n\xe9")
    with pytest.raises(RequestError) as error:  # the annotations still name the old one
        TinyImagenet(str(root))
    str(error.value).encode("utf-8")
    path = root / "val" / "val_annotations.txt"
    path.write_bytes(path.read_bytes().replace(IDS[0].encode(), b"n\xe9"))
    source = TinyImagenet(str(root))
    assert source.class_names == (*IDS[1:], "n\\xe9") and np.bincount(source.labels())[-1] == PER_CLASS + HELD_OUT
    assert len(source.fingerprint()) == 64
    str(source.name_of(len(source) - 1)).encode("utf-8")


def test_messages_show_roots_whose_names_are_no_utf_8(root):
    moved = os.fsdecode(os.fsencode(root.parent) + b"/r\xe9")
    os.rename(root, moved)
    for spoil in ("val/val_annotations.txt", "val/images/val_0.JPEG"):
        path = os.path.join(moved, spoil)
        os.unlink(path)
        if spoil.startswith("val/images"):
            shutil.rmtree(os.path.join(moved, "train"))
            os.mkdir(os.path.join(moved, "train"))
        with pytest.raises(RequestError, match=r"r\\xe9") as error:
            TinyImagenet(moved)
        str(error.value).encode("utf-8")
