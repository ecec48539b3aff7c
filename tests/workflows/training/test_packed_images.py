"""The same images in a folder, a zip, a tar and shards: through the shell, training and validation are the same."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import webdataset

from tests.builders.sources.packing import folder_of_images

ROOT = Path(__file__).resolve().parents[3]
SPEC = {
    "dataset": {"image": {"size": 16}, "batch_size": 8},
    "encoder": {"layers": [{"Conv2D": {"filters": 4, "kernel_size": 4, "strides": 4}}]},
    "decoder": {
        "layers": [{"Conv2DTranspose": {"filters": 3, "kernel_size": 4, "strides": 4, "activation": "sigmoid"}}]
    },
    "loss": {"mse": 1},
    "training": {"epochs": 2},
}


def call(folder, *arguments):
    done = subprocess.run([sys.executable, ROOT / "cli.py", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_training_does_not_depend_on_how_images_are_packed(tmp_path):
    names = [
        f"{part}/{number:03d}.png"
        for part, count in (("train", 24), ("val", 8), ("test", 8))
        for number in range(count)
    ]
    root = folder_of_images(tmp_path / "my photos", names)
    for kind in ("zip", "tar"):
        shutil.make_archive(str(tmp_path / "packed"), kind, root)
    (tmp_path / "shards").mkdir()
    # Shards are sorted by name, so that their images have the folder's order.
    for part in ("train", "val", "test"):
        with webdataset.TarWriter(str(tmp_path / "shards" / f"{part}-0.tar")) as writer:
            for file in sorted((root / part).iterdir()):
                writer.write({"__key__": file.stem, "png": file.read_bytes()})
    histories, metrics = [], []
    for name, path in {"folder": "my photos", "zip": "packed.zip", "tar": "packed.tar", "webdataset": "shards"}.items():
        spec = {**SPEC, "name": name, "dataset": {**SPEC["dataset"], "source": {name: {"path": path}}}}
        (tmp_path / f"{name}.json").write_text(json.dumps(spec))
        call(tmp_path, "train", f"{name}.json")
        [run] = (tmp_path / "runs" / name).iterdir()
        call(tmp_path, "validate", str(run))
        rows = csv.DictReader((run / "history.csv").read_text().splitlines())
        histories.append([{key: row[key] for key in ("loss", "val_psnr")} for row in rows])
        metrics.append(json.loads((run / "evaluation" / "test-best" / "metrics.json").read_text())["metrics"]["psnr"])
    assert histories[0] == histories[1] == histories[2] == histories[3]
    assert metrics[0] == metrics[1] == metrics[2] == metrics[3]
