"""The networks of keras.applications against Keras' own building, preprocessing and loading of them."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from architectures.backbones.applications import Application
from common.registry import BACKBONES

SHAPE = (64, 48, 3)
# Backbone → a tap inside, the last tap without a head, the module of Keras that preprocesses for it.
CASES = {
    "vgg16": ("block2_conv2", "block5_pool", keras.applications.vgg16),
    "vgg19": ("block3_conv4", "block5_pool", keras.applications.vgg19),
    "resnet50": ("conv2_block3_out", "conv5_block3_out", keras.applications.resnet),
    "resnet50v2": ("conv3_block4_out", "post_relu", keras.applications.resnet_v2),
    "mobilenet_v2": ("block_3_expand_relu", "out_relu", keras.applications.mobilenet_v2),
    "efficientnet_b0": ("block3b_add", "top_activation", keras.applications.efficientnet),
    "densenet121": ("conv3_block12_concat", "relu", keras.applications.densenet),
    "convnext_tiny": (
        "convnext_tiny_stage_1_block_2_add",
        "convnext_tiny_stage_3_block_2_add",
        keras.applications.convnext,
    ),
}


def images(seed=0):
    return np.random.default_rng(seed).random((2, *SHAPE), "float32")


def randomised(network, seed=1):
    """Random statistics and scales, so that no weight has a value that hides a mistake."""
    generator = np.random.default_rng(seed)
    for variable in network.weights:
        kind = variable.path.rpartition("/")[2]
        if kind in ("moving_variance", "variance", "gamma"):
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
        elif kind in ("moving_mean", "mean", "beta", "bias"):
            variable.assign(generator.uniform(-0.2, 0.2, variable.shape))
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return network


def by_tap(backbone, network):
    """Tap → the operation of Keras' own network."""
    names = backbone.tap_names(network)
    return {names[operation.name]: operation for operation in network.operations}


def close(ours, theirs, tolerance=1e-5):
    return np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


def test_all_are_covered():
    assert sorted(CASES) == [name for name, entry in BACKBONES.items() if issubclass(entry, Application)]


# EfficientNet has a test of its own below.
@pytest.mark.parametrize("name", sorted(CASES.keys() - {"efficientnet_b0"}))
def test_taps_equal_keras(name, tmp_path):
    """A file of the network without its head, loaded into the cut graph, gives what Keras gives."""
    inner, last, module = CASES[name]
    backbone = BACKBONES.get(name)()
    network = randomised(type(backbone).constructor(weights=None, include_top=False, input_shape=SHAPE))
    path = tmp_path / "headless.weights.h5"
    network.save_weights(path)
    operations = by_tap(backbone, network)
    reference = keras.Model(network.input, [operations[inner].output, operations[last].output])
    expected = reference(module.preprocess_input(images() * 255), training=False)

    model = backbone.features(SHAPE, [inner, last], str(path))
    for ours, theirs in zip(model(images()), expected):
        assert close(ours, theirs)
    assert not model.trainable_variables


@pytest.mark.parametrize("name", ["convnext_tiny", "mobilenet_v2"])
def test_older_files_with_a_head(name, tmp_path):
    inner, _, module = CASES[name]
    backbone = BACKBONES.get(name)()
    network = randomised(type(backbone).constructor(weights=None, input_shape=SHAPE))
    path = tmp_path / "whole.h5"
    network.save(path)
    operations = by_tap(backbone, network)
    logits = backbone.taps(SHAPE)[-1].name
    reference = keras.Model(network.input, [operations[inner].output, operations[logits].output])
    expected = reference(module.preprocess_input(images() * 255), training=False)
    for ours, theirs in zip(backbone.features(SHAPE, [inner, logits], str(path))(images()), expected):
        assert close(ours, theirs)


def test_efficientnet_of_imagenet_equals_keras(tmp_path, monkeypatch):
    """Keras alters this network where it loads ImageNet's weights itself; our loading must amount to the same."""
    network = randomised(keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=SHAPE))
    normalization = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    normalization.adapt_mean.assign(np.reshape([0.485, 0.456, 0.406], normalization.adapt_mean.shape))
    normalization.adapt_variance.assign(np.reshape([0.229, 0.224, 0.225], normalization.adapt_variance.shape) ** 2)
    path = tmp_path / "efficientnetb0_notop.weights.h5"
    network.save_weights(path)
    get_file = "keras.src.applications.efficientnet.file_utils.get_file"
    monkeypatch.setattr(get_file, lambda *arguments, **keywords: str(path))
    network = keras.applications.EfficientNetB0(include_top=False, input_shape=SHAPE)
    inner, last, _ = CASES["efficientnet_b0"]
    expected = keras.Model(network.input, [network.get_layer(inner).output, network.get_layer(last).output])
    model = BACKBONES.get("efficientnet_b0")().features(SHAPE, [inner, last], str(path))
    for ours, theirs in zip(model(images()), expected(images() * 255)):
        assert close(ours, theirs)


def test_nothing_beyond_the_taps_exists():
    model = BACKBONES.get("resnet50")().features((224, 224, 3), ["conv3_block4_out"], "none")
    assert model.count_params() == 1_460_096
    taps = BACKBONES.get("resnet50")().taps((224, 224, 3))
    assert [(tap.shape, tap.stride) for tap in taps if tap.name == "conv2_block3_out"] == [((56, 56, 256), 4)]


def test_random_weights_depend_on_the_seed_alone():
    def digest(seed):
        weights = BACKBONES.get("convnext_tiny")().features(SHAPE, ["convnext_tiny_stage_0_block_1_add"], "none", seed)
        return [(variable.path, float(np.sum(variable, dtype="float64"))) for variable in weights.weights]

    here = digest(7)
    assert digest(7) == here
    assert [value for _, value in digest(8)] != [value for _, value in here]
    code = "from tests.architectures.backbones.test_applications import BACKBONES, np, SHAPE\n"
    code += "tap = 'convnext_tiny_stage_0_block_1_add'\n"
    code += "model = BACKBONES.get('convnext_tiny')().features(SHAPE, [tap], 'none', 7)\n"
    code += "print([(v.path, float(np.sum(v, dtype='float64'))) for v in model.weights])\n"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert fresh.strip().splitlines()[-1] == str(here)


def test_tap_names_do_not_depend_on_what_was_built_before():
    def names():
        return {name: [tap.name for tap in BACKBONES.get(name)().taps(SHAPE)] for name in ("resnet50v2", "vgg16")}

    before = names()
    keras.layers.MaxPooling2D()(keras.Input((8, 8, 3)))
    assert names() == before
    assert {"max_pooling2d", "max_pooling2d_1"} < set(before["resnet50v2"])


def test_half_precision_keeps_pixels_exact():
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = BACKBONES.get("efficientnet_b0")().features(SHAPE, ["stem_conv"], "none")
    finally:
        keras.config.set_dtype_policy("float32")
    inner = model.layers[-1]
    assert model.outputs[0].dtype == "bfloat16"
    assert {layer.name: layer.compute_dtype for layer in inner.layers if "ization" in layer.name} == {
        "normalization": "float32"
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("block2_convv2", "none"),
            r"unknown tap 'block2_convv2' of vgg16; nearest: block2_conv2, .*cli.py taps vgg16",
        ),
        (
            ("block1_pool", "nonsense"),
            "weights 'nonsense' are neither a file nor a name.*give pretrained, a file, or hed_",
        ),
        (("fc1", "hed_bsds500"), "weights hed_bsds500 hold nothing for fc1 of vgg16"),
        (("block1_pool", __file__), r"test_applications\.py cannot be read as HDF5 weights"),
        (("block1_pool", "/dev/zero"), "/dev/zero cannot be read: is not a regular file"),
        (("block1_pool", "a" * 5000), "aaa' are neither a file nor a name"),
        (("block1_pool", "~nobody-of-that-name/a\x1b.h5"), r"/a\\x1b\.h5' are neither a file nor a name"),
    ],
)
def test_requests_that_cannot_be_met(arguments, message):
    with pytest.raises(ValueError, match=message):
        BACKBONES.get("vgg16")().features(SHAPE, [arguments[0]], arguments[1])


def test_weights_of_another_network_and_small_images():
    with pytest.raises(ValueError, match="weights hed_bsds500 are for vgg16, not for vgg19"):
        BACKBONES.get("vgg19")().features(SHAPE, ["block1_pool"], "hed_bsds500")
    with pytest.raises(ValueError, match=r"at least 32×32 pixels, got 31×48; enlarge .*encoder\.input_size"):
        BACKBONES.get("vgg19")().taps((31, 48, 3))
