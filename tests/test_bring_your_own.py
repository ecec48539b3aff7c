"""docs/bring_your_own.md: every spec of the page trains on files that other programs wrote."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from builders.dataset_builder import DatasetBuilder
from builders.spec import load_spec
from common.program import ROOT
from workflows.training.train import train

PAGE = (ROOT / "docs" / "bring_your_own.md").read_text(encoding="utf-8")
SPECS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SOURCES = re.findall(r"`(\{(?:folder|zip|tar|parquet|webdataset|arrays|cifar|mixture): .*?\}\})`", PAGE)
BACKBONES = re.findall(r"\| `(\{\w+: \{path: data/own/[^`]*)` ?(?:, and|\|)", PAGE)
TAPS = {"keras_file": "logits", "saved_model": "logits", "onnx": "Identity:0"}
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder in which everything is that the page names."""
    home = tmp_path_factory.mktemp("a user's folder")
    folder = home / "data"
    subprocess.run(
        [sys.executable, str(ROOT / "examples" / "own_networks.py")], cwd=home, check=True, capture_output=True
    )
    for name in ("photos", "a", "b"):
        for index, image in enumerate(PIXELS):
            target = folder / name / f"class {index % 2}"
            target.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(image if name == "photos" else image[::-1]).save(target / f"{index}.png")
    for name, kind in (("photos", "zip"), ("b", "zip"), ("photos", "tar")):
        shutil.make_archive(str(folder / name), kind, folder / name)
    names = [f"class {index % 2}/{index}.png" for index in range(24)]
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{name},{name[6:7]}\n" for name in names))
    for name, part in (("train", names[:16]), ("val", names[16:20]), ("test", names[20:])):
        (folder / f"{name}.txt").write_text("\n".join(part) + "\n")
    np.save(folder / "images.npy", PIXELS)
    labels = np.arange(24)[:, None] % 3
    parts = {"train": slice(16), "val": slice(16, 20), "test": slice(20, 24)}
    arrays = {f"{name}_images": PIXELS[rows] for name, rows in parts.items()}
    np.savez(folder / "pathmnist.npz", **arrays, **{f"{name}_labels": labels[rows] for name, rows in parts.items()})
    _cifar(folder / "cifar-10-batches-py")
    _parquet(folder / "flowers")
    _webdataset(folder / "shards")
    return home


def _cifar(folder):
    import pickle

    folder.mkdir()
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        rows = PIXELS.transpose(0, 3, 1, 2).reshape(24, -1)
        (folder / name).write_bytes(pickle.dumps({"data": rows, "labels": [index % 10 for index in range(24)]}, 4))
    names = [f"class {number}" for number in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names, "num_vis": 3072}, 4))


def _parquet(folder):
    datasets = pytest.importorskip("datasets")
    folder.mkdir()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["rose", "tulip"])})
    rows = {"image": [PIL.Image.fromarray(image) for image in PIXELS], "label": [index % 2 for index in range(24)]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / "train-00000-of-00001.parquet")


def _webdataset(folder):
    webdataset = pytest.importorskip("webdataset")
    folder.mkdir()
    with webdataset.TarWriter(str(folder / "train-000000.tar")) as writer:
        for index, image in enumerate(PIXELS):
            writer.write({"__key__": f"{index:06d}", "png": PIL.Image.fromarray(image), "cls": index % 2})


@pytest.mark.parametrize("text", SPECS, ids=range(len(SPECS)))
def test_every_spec_of_the_page_trains(text, data, tmp_path, monkeypatch):
    monkeypatch.chdir(data)
    assert len(text.strip().splitlines()) <= 10
    spec = tmp_path / "spec.yaml"
    spec.write_text(text, encoding="utf-8")
    small = ["dataset.split={train: 64, validation: 16, test: 16}"] if "source: digits" in text else []
    run = train(spec, ["training.epochs=1", *small], tmp_path / "runs", verbose=0)
    assert np.isfinite(run.history()["loss"]).all()


@pytest.mark.parametrize("written", BACKBONES)
def test_every_kind_of_network_of_the_page_trains(written, data, tmp_path, monkeypatch):
    monkeypatch.chdir(data)
    kind = re.match(r"\{(\w+)", written)[1]
    settings = [f"encoder.backbone={written}", f'encoder.taps=["{TAPS[kind]}"]', "training.epochs=1"]
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPECS[0], encoding="utf-8")
    run = train(spec, [*settings, "dataset.split={train: 64, validation: 16}"], tmp_path / "runs", verbose=0)
    losses = run.history()["val_loss"]
    assert losses == pytest.approx(_expected(data, tmp_path), rel=1e-3), "the same network in another file"


_LOSSES: list[float] = []


def _expected(data: Path, tmp_path: Path) -> list[float]:
    if not _LOSSES:
        spec = tmp_path / "reference.yaml"
        spec.write_text(SPECS[0], encoding="utf-8")
        small = ["training.epochs=1", "dataset.split={train: 64, validation: 16}"]
        _LOSSES.extend(train(spec, small, tmp_path / "runs", verbose=0).history()["val_loss"])
    return _LOSSES


@pytest.mark.parametrize("written", SOURCES)
def test_every_source_of_the_page_opens(written, data, tmp_path, monkeypatch):
    monkeypatch.chdir(data)
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPECS[2], encoding="utf-8")
    splits = DatasetBuilder(load_spec(spec, [f"dataset.source={written}"]).spec).build()
    assert splits["train"].images(np.arange(2)).shape == (2, 32, 32, 3)


def test_the_page_was_read():
    assert len(SPECS) >= 5 and len(SOURCES) >= 8 and len(BACKBONES) == 3
