"""Presets of KerasHub, against its own networks with the same weights."""

import json
import sys

import numpy as np
import pytest

from architectures.backbones.base import ArgumentError
from architectures.weights.preprocessing import Preprocessing
from common.registry import BACKBONES
from tests.architectures.backbones import published_transformers as published

SIZES = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}
IMAGE = {"image_shape": (16, 16, 3), "patch_size": 4}
TEXT = {**SIZES, "vocabulary_size": 9, "embedding_dim": 16, "intermediate_dim": 24}


def built(family, models):
    """A small network of KerasHub, with values by formula."""
    plain = {**SIZES, **IMAGE, "intermediate_dim": 24}
    swin = {"embed_dim": 8, "depths": (2, 2), "num_heads": (2, 4), "window_size": 4}
    made = {
        "vit": lambda: models.ViTBackbone(**SIZES, **IMAGE, mlp_dim=24),
        "deit": lambda: models.DeiTBackbone(**plain),
        "dinov2": lambda: models.DINOV2Backbone(
            **plain, position_embedding_shape=(16, 16, 3), num_register_tokens=2, use_swiglu_ffn=True
        ),
        "dinov3": lambda: models.DINOV3Backbone(**plain, num_register_tokens=2, use_gated_mlp=True),
        "clip": lambda: models.CLIPBackbone(
            models.CLIPVisionEncoder(**plain), models.CLIPTextEncoder(**TEXT), projection_dim=6
        ),
        "siglip": lambda: models.SigLIPBackbone(models.SigLIPVisionEncoder(**plain), models.SigLIPTextEncoder(**TEXT)),
        "swin": lambda: models.SwinTransformerBackbone(image_shape=(16, 16, 3), patch_size=2, **swin),
    }[family]()
    for variable in made.variables:
        if variable.name == "position_ids":
            variable.assign(np.arange(variable.shape[1])[None])
        elif variable.shape:
            variable.assign(published.values(variable.path, variable.shape))
    if family == "dinov2":  # the same, for images of the size that it was trained with
        made.embeddings.interpolated_position_embeddings.assign(made.embeddings.position_embeddings)
    return made


def answered(family, network, image):
    """Tap → what KerasHub computes."""
    if family == "clip":
        return {"embedding": network.get_vision_embeddings(image)}
    if family == "siglip":
        return {"embedding": network.vision_encoder({"images": image})}
    tokens = network({network.inputs[0].name: image} if "dino" in family else image)
    if family == "swin":
        return {"output.tokens": tokens}
    return {"output.class": tokens[:, 0], "output.tokens": tokens[:, -16:]}


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(name, marks=[] if name in ("dinov2", "clip") else pytest.mark.slow)
        for name in ("vit", "deit", "dinov2", "dinov3", "clip", "siglip", "swin")
    ],
)
def test_a_preset_gives_what_kerashub_computes(family, tmp_path):
    models = pytest.importorskip("keras_hub").models
    network, image = built(family, models), published.image((16, 16))
    network.save_to_preset(str(tmp_path / "preset"))
    expected = answered(family, network, image)
    backbone = BACKBONES.get(family)(preset=str(tmp_path / "preset"))
    model = backbone.features((16, 16, 3), [*expected, "patches"], preprocessing=Preprocessing())
    for value, (name, wanted) in zip(model(image), expected.items()):
        np.testing.assert_allclose(value, wanted, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_name": "Lambda", "registered_name": None}, "is of Lambda, vit expects keras_hub>ViTBackbone"),
        ({"registered_name": "mine>ViTBackbone"}, "is of mine>ViTBackbone, vit expects"),
        ({"config": []}, "has no config"),
        ({"config": {"use_class_token": False}}, "use_class_token must be true"),
        ({"config": {"hidden_dim": 1 << 50}}, "hidden_size must be a whole number from 1 to 16384"),
        ({"config": {"image_shape": [1 << 30, 1 << 30, 3]}}, "image_shape must be a whole number from 1 to 8192"),
        ({"config": {"image_shape": [8192, 8192, 3], "patch_size": 1}}, "image_shape has 67,108,864 patches, more"),
    ],
)
def test_a_hostile_preset_is_a_line(change, message, tmp_path):
    config = {"class_name": "ViTBackbone", "registered_name": "keras_hub>ViTBackbone", "config": {}}
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    (tmp_path / "model.weights.h5").write_bytes(b"\x80\x04pickle")
    if "image_shape" in message:
        pytest.importorskip("keras_hub")
    with pytest.raises(ArgumentError, match=message) as caught:
        BACKBONES.get("vit")(preset=str(tmp_path)).features((16, 16, 3), ["patches"])
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ArgumentError, match=r"presets of KerasHub need keras-hub: .*hub"):
        BACKBONES.get("vit")(preset="vit_base_patch16_224_imagenet")
    with pytest.raises(ArgumentError, match="no preset 'vit-mae-base' of mae, nor a folder; known: mini"):
        BACKBONES.get("mae")(preset="vit-mae-base")


def test_an_unknown_preset_gets_the_nearest_name():
    pytest.importorskip("keras_hub")
    with pytest.raises(ArgumentError, match="'dinov2_bas' of dinov2, nor a folder; did you mean 'dinov2_base'"):
        BACKBONES.get("dinov2")(preset="dinov2_bas")
