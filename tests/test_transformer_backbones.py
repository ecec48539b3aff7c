"""A spec on each family of transformers: trained, validated, exported and proven, listed, opened in the viewer."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from tests.architectures.backbones import published_transformers as published
from tests.test_end_to_end import cli

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
    from workflows.list_taps import list_taps
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


def test_a_preset_of_the_hub_and_a_folder_agree(hub, tmp_path):
    folder = published.write(tmp_path / "net", "vit")
    commit = hub.add("owner/net", {path.name: path.read_bytes() for path in folder.iterdir()})
    lines = []
    for preset in ("net", "hf://owner/net"):
        (tmp_path / "tiny.yaml").write_text(SPEC % (f"{{vit: {{preset: {preset}}}}}", "pretrained", "block_2", 4))
        lines.append(cli(tmp_path, "train", "tiny.yaml").stdout)
    losses = [re.search(r"loss (\S+)", text)[1] for text in lines]
    assert losses[0] == losses[1]
    environments = [path.read_text() for path in tmp_path.glob("runs/tiny/*/environment.json")]
    assert sum(commit in text for text in environments) == 1
    assert " 16×16×" not in cli(tmp_path, "taps", "net", "--size", "16").stdout
    wrong = cli(tmp_path, "taps", "vit", status=2)
    assert "the taps of vit depend on its preset; give its file or folder" in wrong.stderr
    (folder / "model.safetensors").unlink()
    wrong = cli(tmp_path, "show", "tiny.yaml", "--set", "encoder.backbone={vit: {preset: net}}", status=0)
