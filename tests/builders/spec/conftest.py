"""Specs to test with, and the catalogue with what those specs name and this version may not have yet."""

import copy
from pathlib import Path

import pytest

from builders.spec.catalogue import Catalogue, load_catalogue

TARGETS = Path(__file__).parent / "targets"
SPECS = Path(__file__).parents[3] / "specs"

_LAYER = {"name": {"type": ["str", "null"], "default": None}}
_FEATURES = {
    "backbone": {"type": {"choice": "backbone"}, "required": True},
    "weights": {"type": "str", "default": "pretrained"},
    "taps": {"type": [{"list": "str"}, {"map": "float"}]},
}
_PLANNED = {
    "source": {
        "tfds": {"arguments": {"name": {"type": "str", "required": True}}, "labelled": None, "parts": None},
        "tiny_imagenet": {"arguments": {"path": {"type": "str", "required": True}}, "labelled": None, "parts": None},
    },
    "backbone": {
        "dinov2_base": {"arguments": {}, "minimum_size": 14},
        "dinov2_small": {"arguments": {}, "minimum_size": 14},
    },
    "architecture": {
        "vit": {"arguments": {name: {"type": "int"} for name in ("patch_size", "width", "depth", "heads")}},
        "tap_heads": {"arguments": {"width": {"type": "int", "default": 256}}},
    },
    "layer": {
        "FactorizedEntropy": {
            "arguments": {"quantization": {"type": {"words": ["uniform_noise", "straight_through"]}}, **_LAYER},
            "terms": ["rate"],
        },
    },
    "loss": {
        "adversarial": {
            "arguments": {
                "kind": {"type": {"words": ["non_saturating", "hinge"]}},
                "adaptive": {"type": "bool", "default": False},
            },
            "needs": ["discriminator"],
        },
        "perceptual": {"arguments": {**_FEATURES, "distance": {"type": {"words": ["l1", "l2"]}, "default": "l2"}}},
    },
    "metric": {"bpp": {"arguments": {}, "in_training": True}},
    "optimizer": {"RowwiseAdam": {"arguments": {"learning_rate": {"type": "float", "default": 1e-3}}}},
}


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue, completed with entries that the target specs name."""
    data = copy.deepcopy(load_catalogue().data())
    for kind, entries in _PLANNED.items():
        for name, entry in entries.items():
            data.setdefault(kind, {}).setdefault(name, entry)
    scales = {"type": "int", "default": 1}
    data["loss"]["ssim"]["arguments"].setdefault("scales", scales)
    data["loss"]["mse"]["arguments"].setdefault("scale", {"type": "float", "default": 1.0})
    return Catalogue(data)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file into an empty working directory and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes, name: str = "x.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    return write_file


PLAIN = """\
version: 1
seed: 7
dataset:
  source: {folder: {path: data}}
  image: {size: 64}
  split: {train: 0.8, validation: 0.1, test: rest}
encoder:
  backbone: vgg16
  taps: [block2_conv2]
decoder:
  defaults:
    Conv2D: {kernel_size: 3, padding: same}
  layers:
    - Conv2D: {filters: 64, activation: relu}
    - UpSampling2D
    - Conv2D:
        filters: 3
        activation: sigmoid
loss: {l1: 0.8, ssim: 0.2}
training:
  optimizer: {Adam: {learning_rate: 1e-3}}
  epochs: 5
"""


@pytest.fixture
def plain() -> str:
    """A spec without mistakes."""
    return PLAIN
