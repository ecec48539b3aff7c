"""Networks of one's own through the shell: listed, trained with and without a cache, validated, exported and proven."""

import csv
import re
import shutil
from pathlib import Path

import keras
import pytest

from builders.model_builder import ModelBuilder
from builders.spec import load_spec
from common.errors import RequestError
from tests.test_end_to_end import ROOT, call, cli
from workflows.outputs import files_read_by
from workflows.training.feature_cache import by_content

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


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ("encoder.backbone.keras_file.path=no.keras", "encoder.backbone.keras_file.path"),
        ("loss.perceptual.backbone.keras_file.path=no.keras", "loss.perceptual.backbone.keras_file.path"),
        (
            "metrics=[{perceptual: {backbone: {keras_file: {path: no.keras}}, taps: [first]}}]",
            "metrics.0.perceptual.backbone.keras_file.path",
        ),
    ],
)
def test_a_missing_file_is_named_with_its_place(setting, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_network(tmp_path / "my nets")
    (tmp_path / "tiny.yaml").write_text(SPEC % ("net.keras", "net.keras"))
    spec = load_spec("tiny.yaml", [setting]).spec
    with pytest.raises(RequestError, match=rf"^{re.escape(place)}: no such file: no.keras; paths are relative"):
        ModelBuilder(spec, (28, 28, 1), weights=False).build()


def test_files_of_networks_are_protected_and_identified_by_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_network(tmp_path / "my nets")
    (tmp_path / "tiny.yaml").write_text(SPEC % ("net.keras", "net.h5"))
    spec = load_spec("tiny.yaml").spec
    assert files_read_by(spec) == [Path("my nets/net.keras"), Path("my nets/net.h5")]
    arguments = spec.encoder.backbone.arguments
    before = by_content(arguments)
    shutil.copy("my nets/net.keras", "other.keras")
    assert by_content({"path": "other.keras"}) == before != by_content({"path": "my nets/net.h5"})


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
