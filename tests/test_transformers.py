"""An autoencoder of transformers: trained by the shell, drawn, and exported to other programs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from run_directory.run import Run
from workflows.export.export import in_float32
from workflows.export.formats import format_called
from workflows.export.parts import parts_of
from workflows.training.restore import restore

ROOT = Path(__file__).resolve().parent.parent
SPEC = """
version: 1
seed: 3
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 512, validation: 32, test: 32}
  batch_size: 32
encoder:
  layers:
    - PatchEmbed: {channels: 24, patch_size: 7}
    - PositionEmbedding: {grid: 3}
    - Repeat: {times: 2, layers: [TransformerBlock: {heads: 3, dropout: 0.05, drop_path: 0.1, layer_scale: 0.5}]}
    - TokensToMap
decoder: {architecture: {vit: {width: 24, depth: 1, heads: 3}}}
loss: {mse: 1}
training: {epochs: 5, precision: float32, optimizer: {Adam: {learning_rate: 5e-3}}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transformers")
    (folder / "tokens.yaml").write_text(SPEC)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, str(ROOT / "cli.py"), "train", "tokens.yaml"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [state] = folder.glob("runs/tokens/*/state.json")
    return Run(state.parent)


def test_it_learns(run):
    psnr = run.history()["val_psnr"]
    assert psnr[-1] > psnr[0] + 1.5


def test_other_programs_get_the_same_images(run, tmp_path):
    images = np.random.default_rng(0).random((5, 28, 28, 1), np.float32)
    restored = restore(run, "last")
    model = in_float32(restored)
    expected = model.reconstruct(images)["image"]
    [part] = parts_of(model, restored.spec.dataset, ["full"])
    for form in map(format_called, ("savedmodel", "onnx")):
        form.write(part, tmp_path / form.__name__, "float32")
        call = form.load(str(tmp_path / form.__name__))
        for count in (1, 5):
            found = call("reconstruct", {"image": images[:count]})["image"]
            np.testing.assert_allclose(found, expected[:count], atol=1e-4)
