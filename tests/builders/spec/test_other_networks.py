"""Names of torchvision and timm as backbone: the nearest network of ours, and how to bring theirs."""

import re

import pytest

from builders.spec import SpecErrors, load_spec
from builders.spec.other_networks import other_network
from common.registry import BACKBONES
from tests.specs import INVERTER, write_spec

NEAREST = {
    "resnet18": "torchvision_resnet50",
    "resnet34": "torchvision_resnet50",
    "wide_resnet50_2": "torchvision_resnet50",
    "resnext50_32x4d": "torchvision_resnet50",
    "seresnet50": "torchvision_resnet50",
    "resnet101": "torchvision_resnet50",
    "resnetv2_101": "resnet50v2",
    "vgg16_bn": "vgg16",
    "vgg19-bn": "vgg19",
    "vgg13": "vgg16",
    "EfficientNet_B3": "efficientnet_b0",
    "tf_efficientnet_lite4": "efficientnet_lite2",
    "tf_efficientnetv2_s": "efficientnet_b0",
    "convnext_base": "convnext_tiny",
    "convnextv2_tiny": "convnext_tiny",
    "densenet201": "densenet121",
    "mobilenet_v3_small": "mobilenet_v2",
}


@pytest.mark.parametrize("name", NEAREST)
def test_the_nearest_network_is_named_with_the_way_to_bring_ones_own(name, tmp_path):
    for text, overrides in (
        (INVERTER.replace("backbone: vgg16", f"backbone: {name}"), []),
        (INVERTER, [f"encoder.backbone={name}"]),
        (INVERTER, [f"encoder.backbone.{name}.path=x"]),
    ):
        with pytest.raises(SpecErrors) as caught:
            load_spec(write_spec(tmp_path, text), overrides)
        line = next(line for line in str(caught.value).split("\n") if "unknown backbone" in line)
        assert f"'{name}'; did you mean '{NEAREST[name]}', the nearest network here? Or export it to ONNX" in line
        assert re.search(r"backbone: \{onnx: \{path: \w+\.onnx\}\}$", line)


@pytest.mark.parametrize("name", ["dino_vits16", "dinov2_vitb14", "vit_b_16", "clip", "swin_tiny_patch4_window7_224"])
def test_transformers_are_the_ones_there_are_or_none(name):
    assert other_network(name, ["vgg16"]).startswith("; no network of its kind is here. Or export it to ONNX")
    assert other_network(name, ["vgg16", "vit"]).startswith("; did you mean 'vit'")


def test_neither_our_names_nor_misspelt_ones_are_taken_for_others(tmp_path):
    for name in ("vgg61", "resnet5", "convnext_tinny", "efficientnet_b", "alexnett", "densenet112", "x" * 5000):
        assert other_network(name, BACKBONES.names()) == ""
    with pytest.raises(SpecErrors, match=r"did you mean 'vgg16'.*--plugin"):
        load_spec(write_spec(tmp_path, INVERTER.replace("vgg16", "vgg61")))
