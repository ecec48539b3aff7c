"""Networks of one's own through the shell: listed, trained with and without a cache, validated, exported and proven."""

import csv

import keras
import pytest

from tests.test_end_to_end import ROOT, call, cli

SPEC = """
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 64, validation: 16, test: 16}
  batch_size: 16
encoder: {backbone: {keras_file: {path: "my nets/%s"}}, taps: [inner.c, first.2], fuse: {size: 14}}
decoder:
  layers: [UpSampling2D, Conv2D: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}]
loss: {l1: 1, perceptual: {backbone: {keras_file: {path: "my nets/%s"}}, taps: [first], weight: 0.1}}
training: {epochs: 2, precision: float32}
"""


def save_network(folder):
    """A nested network on grey images, with a shared layer and a head, in both formats."""
    image = keras.Input((14, 14, 4))
    inner = keras.Model(image, keras.layers.Conv2D(6, 3, name="c", activation="relu")(image), name="inner")
    first = keras.layers.Conv2D(4, 3, padding="same", name="first")
    grey = keras.Input((28, 28, 1))
    tensor = first(first(grey)[..., :1])
    tensor = inner(keras.layers.MaxPooling2D()(tensor))
    network = keras.Model(grey, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(tensor)))
    folder.mkdir()
    network.save(folder / "net.keras")
    network.save(folder / "net.h5")


def test_keras_files_are_inverted(tmp_path):
    """Both formats hold the same network, so a cached run of one and an uncached run of the other agree."""
    save_network(tmp_path / "my nets")
    losses = []
    for name, cache in (("net.keras", "memory"), ("net.h5", "off")):
        (tmp_path / "tiny.yaml").write_text(SPEC % (name, name))
        cli(tmp_path, "train", "tiny.yaml", "--runs-dir", f"runs/{cache}", "--set", f"training.feature_cache={cache}")
        (history,) = tmp_path.glob(f"runs/{cache}/tiny/*/history.csv")
        losses.append([float(row["loss"]) for row in csv.DictReader(history.open())])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    listed = cli(tmp_path, "taps", "tiny.yaml").stdout
    assert [line.split()[3] for line in listed.splitlines() if "•" in line.split()[:2]] == ["first.2", "inner.c"]
    run = str(history.parent)
    assert "PSNR" in cli(tmp_path, "validate", run).stdout
    exported = call(tmp_path, ".venv/bin/python", str(ROOT / "exporter.py"), run).stdout
    assert "equal" in exported and "encoder, then decoder, differ from full by 0.0e+00" in exported
