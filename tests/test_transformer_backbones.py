"""A spec on each family of transformers: trained, validated, exported and proven, listed, opened in the viewer."""

import io
import re

import numpy as np
import PIL.Image
import pytest
from rich.console import Console

from common.errors import RequestError
from common.registry import BACKBONES
from tests.architectures.backbones import published_transformers as published
from tests.test_end_to_end import cli
from workflows.list_taps import list_taps
from workflows.training.environment import _addresses

SPEC = """
dataset:
  source: digits
  image: {size: 16, channels: 1}
  split: {train: 32, validation: 8, test: 8}
  batch_size: 8
encoder: {backbone: %s, weights: %s, taps: [%s]}
decoder:
  layers:
    - UpSampling2D: {size: %d}
    - Conv2D: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}
loss: {l1: 1}
training: {epochs: 1, precision: float32}
"""
SMALL = "preset: mini, width: 16, depth: 2, heads: 2, patch: 4"
FAMILIES = {
    "vit": (f"{{vit: {{{SMALL}}}}}", "block_2", 4),
    "dinov2": (f"{{dinov2: {{{SMALL}}}}}", "block_1", 4),
    "dinov3": ("{dinov3: {preset: mini, width: 16, depth: 1, heads: 2, patch: 4}}", "block_1", 4),
    "clip": (f"{{clip: {{{SMALL}}}}}", "output", 4),
    "siglip": (f"{{siglip: {{{SMALL}}}}}", "output", 4),
    "mae": (f"{{mae: {{{SMALL}}}}}", "block_2", 4),
    "deit": (f"{{deit: {{{SMALL}}}}}", "block_2", 4),
    "swin": ("{swin: {preset: mini, width: 8, patch: 2}}", "block_4", 4),
}


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=[] if name == "dinov3" else pytest.mark.slow) for name in FAMILIES]
)
def test_a_family_from_data_to_export(family, tmp_path, monkeypatch):
    """In one process: a shell would import TensorFlow six times. An export that differs from its run is an error."""
    from workflows.command_line import import_tensorflow

    import_tensorflow()
    from workflows.evaluation.validate import validate
    from workflows.export.export import export
    from workflows.export.target import choose_target
    from workflows.training.train import train

    monkeypatch.chdir(tmp_path)
    backbone, tap, scale = FAMILIES[family]
    (tmp_path / "tiny.yaml").write_text(SPEC % (backbone, "none", tap, scale))
    console = Console(file=io.StringIO(), width=200)
    assert tap in [listed.name for listed in list_taps("tiny.yaml", console=console)]
    assert re.search(rf"•\W+{tap} ", console.file.getvalue())
    run = train("tiny.yaml", [], "runs", verbose=0)
    assert validate(run, "test", "last", None, console)
    for form in ("savedmodel", "onnx"):
        export(choose_target(run, "encoder", form), console)
        assert (run.path / "export" / form).is_dir() or list((run.path / "export").rglob("encoder*"))
    opened(run)


def opened(run):
    """The viewer's worker opens the run: its tap is a map."""
    import tensorflow as tf

    from viewer.inside.worker_network import Network
    from workflows.training.restore import restore

    found = restore(run, "last")
    network = Network(found.model, list(found.spec.encoder.taps))
    place = network.places[0]
    assert len(place.shape) == 3
    start = network.start(tf.constant(np.random.default_rng(0).random((1, 16, 16, 1), np.float32)))
    assert network.open(place.name, start).value.shape == (1, *place.shape)


def test_a_preset_of_the_hub_gives_what_its_folder_gives(hub, tmp_path):
    """In a shell, because the Hub's client reads its address once."""
    folder = published.write(tmp_path / "net", "vit")
    hub.add("owner/net", {path.name: path.read_bytes() for path in folder.iterdir()})
    (tmp_path / "tiny.yaml").write_text(SPEC % ("{vit: {preset: hf://owner/net}}", "pretrained", "block_2", 4))
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "one.png")
    cli(tmp_path, "features", "tiny.yaml", "one.png", "--out", "taps.npz")
    grey = np.repeat(pixels[None, ..., None], 3, axis=-1).astype(np.float32) / 255
    expected = BACKBONES.get("vit")(preset=str(folder)).features((16, 16, 3), ["block_2"])(grey)
    np.testing.assert_allclose(np.load(tmp_path / "taps.npz")["block_2"], expected, atol=1e-4)
    # A run's record has the commit, by one file of the repository.
    resolved = {"encoder": {"backbone": {"vit": {"preset": "hf://owner/net"}}}}
    assert list(_addresses(resolved)) == ["hf://owner/net/config.json"]


def test_taps_of_a_folder_are_listed_and_those_of_no_preset_are_a_line(tmp_path):
    folder = published.write(tmp_path / "net", "clip")
    console = Console(file=io.StringIO(), width=200)
    found = list_taps(str(folder), 16, console)
    assert found[-1].name == "embedding" and found[-1].shape == (6,)
    with pytest.raises(RequestError, match="the taps of clip depend on its preset; give its file or folder"):
        list_taps("clip", None, console)
