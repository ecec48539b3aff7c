"""ONNX networks and SavedModels through the shell: trained with and without a cache, resumed, validated, exported."""

import csv
import re
import shutil

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from tests.architectures.examples import NETWORKS
from tests.test_end_to_end import ROOT, call, cli

SPEC = """
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 64, validation: 16, test: 16}
  batch_size: 16
encoder: {backbone: %s, taps: %s, preprocessing: torch}
decoder:
  layers:
    - Conv2DTranspose: {filters: 8, kernel_size: 4, strides: 2, padding: same, activation: relu}
    - Resizing: {height: 28, width: 28}
    - Conv2D: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}
loss: {l1: 1, perceptual: {backbone: {saved_model: {path: "my nets/plain"}}, taps: [output_0], weight: 0.1}}
training: {epochs: 2, precision: float32}
"""


def write(folder, backbone, taps):
    """A spec, and the networks it names: of PyTorch, and of plain TensorFlow."""
    (folder / "my nets").mkdir()
    shutil.copy(NETWORKS / "convolutional_script.onnx", folder / "my nets" / "net.onnx")
    module = tf.Module()
    module.kernel = tf.Variable(np.random.default_rng(0).normal(size=(3, 3, 3, 6)).astype(np.float32))
    function = tf.function(lambda image: tf.nn.relu(tf.nn.conv2d(image, module.kernel, 2, "SAME"), name="inner"))
    signature = function.get_concrete_function(tf.TensorSpec((None, None, None, 3)))
    tf.saved_model.save(module, str(folder / "my nets" / "plain"), signatures=signature)
    (folder / "tiny.yaml").write_text(SPEC % (backbone, taps))
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)).save(folder / "one.png")


@pytest.mark.parametrize(
    ("backbone", "taps"),
    [
        ('{onnx: {path: "my nets/net.onnx"}}', "[/a/Relu_1_output_0, /b/Relu_1_output_0]"),
        pytest.param('{saved_model: {path: "my nets/plain"}}', "[inner]", marks=pytest.mark.slow),
    ],
)
def test_networks_are_inverted(backbone, taps, tmp_path):
    write(tmp_path, backbone, taps)
    losses = []
    for cache in ("memory", "off"):
        cli(tmp_path, "train", "tiny.yaml", "--runs-dir", f"runs/{cache}", "--set", f"training.feature_cache={cache}")
        (history,) = tmp_path.glob(f"runs/{cache}/tiny/*/history.csv")
        losses.append([float(row["loss"]) for row in csv.DictReader(history.open())])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    run = str(history.parent)
    listed = cli(tmp_path, "taps", "tiny.yaml").stdout
    marked = [line.split()[3] for line in listed.splitlines() if "•" in line.split()[:2]]
    assert marked == [tap.strip() for tap in taps.strip("[]").split(",")]
    assert "PSNR" in cli(tmp_path, "validate", run).stdout
    cli(tmp_path, "train", run, "--set", "training.epochs=3")
    cli(tmp_path, "features", run, "one.png", "--out", "taps.npz")
    assert len(np.load(tmp_path / "taps.npz").files) >= len(marked)
    cli(tmp_path, "reconstruct", run, "one.png", "--out", "rebuilt")
    exported = call(tmp_path, ".venv/bin/python", str(ROOT / "exporter.py"), run).stdout
    assert ("onnx/encoder.onnx: savedmodel cannot hold" in exported) == ("onnx" in backbone)
    assert (
        "as they were exported" in call(tmp_path, ".venv/bin/python", str(ROOT / "exporter.py"), "--verify", run).stdout
    )


def test_a_changed_file_is_noticed_and_mistakes_are_lines(tmp_path):
    write(tmp_path, '{onnx: {path: "my nets/net.onnx"}}', "[/b/Relu_1_output_0]")
    wrong = cli(
        tmp_path, "check", "tiny.yaml", "--set", 'loss.perceptual.backbone={onnx: {path: "my nets/net.onnx"}}', status=2
    )
    assert re.search(r"loss\.perceptual\.backbone: .*gradient", wrong.stderr)
    wrong = cli(tmp_path, "show", "tiny.yaml", "--set", "encoder.backbone.onnx.path=no.onnx", status=2)
    assert "encoder.backbone.onnx.path: no such file: no.onnx; paths are relative to" in wrong.stderr
    cli(tmp_path, "train", "tiny.yaml", "--set", "training.epochs=1")
    (history,) = tmp_path.glob("runs/tiny/*/history.csv")
    shutil.copy(NETWORKS / "convolutional_dynamo.onnx", tmp_path / "my nets" / "net.onnx")
    wrong = cli(tmp_path, "validate", str(history.parent), "--debug", status=2)
    assert "unknown tap" in wrong.stderr or "are not those this run was trained with" in wrong.stderr
