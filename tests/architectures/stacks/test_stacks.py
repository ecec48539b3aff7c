"""Ready-made stacks: sizes, parameter counts, and what they refuse."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from architectures.stacks.stack import expand_architecture
from builders.layer_builder import LayerBuilder
from common.registry import UnknownEntryError


def table(name, arguments, code_shape, image_shape):
    """(class, output shape, parameters) of every layer."""
    tensor = keras.Input(code_shape)
    rows = []
    for layer in LayerBuilder().layers(expand_architecture(name, arguments, code_shape, image_shape), "decoder"):
        tensor = layer(tensor)
        rows.append((type(layer).__name__, tuple(tensor.shape[1:]), layer.count_params()))
    return rows


UPS = [(256, 1_638_656), (128, 819_328), (64, 204_864), (32, 51_232), (3, 2_403)]


def test_dosovitskiy_conv_has_the_papers_table():
    assert table("dosovitskiy_conv", {}, (6, 6, 256), (192, 192, 3)) == [
        *[("Conv2D", (6, 6, 256), 590_080)] * 3,
        *(
            ("Conv2DTranspose", (12 * 2**step, 12 * 2**step, filters), parameters)
            for step, (filters, parameters) in enumerate(UPS)
        ),
    ]


def test_dosovitskiy_fc_has_the_papers_table():
    assert table("dosovitskiy_fc", {}, (4096,), (128, 128, 3)) == [
        *[("Dense", (4096,), 4096 * 4096 + 4096)] * 3,
        ("Reshape", (4, 4, 256), 0),
        *(
            ("Conv2DTranspose", (8 * 2**step, 8 * 2**step, filters), parameters)
            for step, (filters, parameters) in enumerate(UPS)
        ),
    ]


def test_dosovitskiy_factors_halve_layers_or_channels():
    half_width = table("dosovitskiy_conv", {"width": 0.5}, (6, 6, 256), (128, 128, 3))
    assert [row[1][-1] for row in half_width] == [128, 128, 128, 128, 64, 32, 16, 3, 3]
    assert half_width[-1] == ("Resizing", (128, 128, 3), 0)
    half_depth = table("dosovitskiy_conv", {"depth": 0.5}, (6, 6, 256), (128, 128, 3))
    assert [row[0] for row in half_depth].count("Conv2D") == 2
    vectors = table("dosovitskiy_fc", {"depth": 0.1, "width": 0.5}, (1000,), (128, 128, 3))
    assert vectors[:2] == [("Dense", (2048,), 1000 * 2048 + 2048), ("Reshape", (4, 4, 128), 0)]


def test_leaky_relu_has_the_papers_slope():
    np.testing.assert_allclose(keras.activations.get("leaky_relu")(np.array([-1.0, 1.0], "float32")), [-0.2, 1])


def test_conv2_leaves_out_an_up_convolution():
    rows = table("dosovitskiy_conv", {"width": 0.5}, (13, 13, 192), (128, 128, 3))
    assert [row[1] for row in rows[3:]] == [(26, 26, 64), (52, 52, 32), (104, 104, 16), (208, 208, 3), (128, 128, 3)]


def test_transposed_is_the_decoder_of_system_b():
    rows = table("transposed", {}, (14, 14, 3840), (224, 224, 3))
    assert [row[:2] for row in rows] == [
        ("Conv2DTranspose", shape) for shape in [(28, 28, 256), (56, 56, 128), (112, 112, 64), (224, 224, 3)]
    ]


def test_residual_upsampling_is_the_decoder_of_system_a():
    rows = table("residual_upsampling", {}, (56, 56, 256), (224, 224, 3))
    assert [row[0] for row in rows] == [
        *["Conv2D", "Residual", "UpSampling2D"] * 2,
        *["Conv2D"] * 2,
    ]
    assert [row[1][-1] for row in rows] == [64, 64, 64, 48, 48, 48, 24, 3]
    assert 200_000 < sum(row[2] for row in rows) < 900_000
    twice = table("residual_upsampling", {"width": 2, "blocks": 2}, (56, 56, 256), (224, 224, 3))
    assert [row[1][-1] for row in twice] == [128, 128, 128, 128, 96, 96, 96, 96, 48, 3]


def test_dense_has_the_layers_of_system_c():
    rows = table("dense", {"units": [500, 20], "batch_normalization": True, "dropout": 0.1}, (2,), (28, 28, 1))
    block = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert [row[0] for row in rows] == [*block, *block, "Dense", "Reshape"]
    plain = table("dense", {"units": [500], "use_bias": False}, (2,), (28, 28, 1))
    assert [row[2] for row in plain] == [1000, 0, 500 * 784 + 784, 0]


def test_a_map_as_large_as_the_image_gets_one_layer_without_a_stride():
    for name in ("transposed", "dosovitskiy_conv"):
        assert table(name, {}, (16, 16, 8), (16, 16, 3))[-1][:2] == ("Conv2DTranspose", (16, 16, 3))


@pytest.mark.parametrize("name", ["transposed", "residual_upsampling", "dosovitskiy_conv"])
def test_a_vector_cannot_reach_through_convolutions(name):
    with pytest.raises(ValueError, match=rf"{name} needs a code of \[height, width, channels\], got \[4096\]"):
        expand_architecture(name, {}, (4096,), (64, 64, 3))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("transposed", {"width": 0}, "transposed.width must be positive, got 0; the default is 1"),
        ("dosovitskiy_fc", {"depth": -1}, "dosovitskiy_fc.depth must be positive, got -1"),
        ("dosovitskiy_fc", {"depth": 1e9}, "dosovitskiy_fc.depth makes 3,000,000,000 layers or blocks"),
        ("dosovitskiy_conv", {"depth": 1e9}, "dosovitskiy_conv.depth makes 3,000,000,000 layers or blocks"),
        ("residual_upsampling", {"blocks": 10**9}, "residual_upsampling.blocks makes 1,000,000,000 layers or blocks"),
        ("residual_upsampling", {"blocks": -1}, "blocks must not be negative"),
        ("dense", {"units": [10, 0]}, r"dense.units must be positive, got \[10, 0\]"),
        ("dense", {"units": [10], "dropout": 1}, "dense.dropout must be from 0 to below 1, got 1"),
    ],
)
def test_arguments_out_of_range_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        expand_architecture(name, arguments, (4, 4, 8), (64, 64, 3))


def test_unknown_stacks_get_a_suggestion():
    with pytest.raises(UnknownEntryError, match="did you mean 'dosovitskiy_conv'"):
        expand_architecture("dosovitsky_conv", {}, (4, 4, 8), (64, 64, 3))


def test_stacks_are_written_without_keras():
    program = "import sys, architectures.stacks; sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
