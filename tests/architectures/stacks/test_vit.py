"""The stack `vit`: RAE's sizes, the grids it finds, and what it says where none fits."""

import keras
import numpy as np
import pytest

from architectures.stacks.stack import expand_architecture
from builders.layer_builder import LayerBuilder

SMALL = {"width": 8, "depth": 2, "heads": 2}


def model_of(code_shape, image_shape, **arguments):
    entering = tensor = keras.Input(code_shape)
    stack = expand_architecture("vit", {**SMALL, **arguments}, code_shape, image_shape)
    for layer in LayerBuilder().layers(stack, "decoder"):
        tensor = layer(tensor)
    return keras.Model(entering, tensor)


def test_the_largest_decoder_of_rae_has_415_million_parameters():
    arguments = {"width": 1152, "depth": 28, "heads": 16, "mlp_ratio": 3.5556}
    stack = expand_architecture("vit", arguments, (16, 16, 768), (256, 256, 3))
    kinds = [next(iter(layer)) for layer in stack]
    assert kinds == [
        *("Dense", "PositionEmbedding"),
        *["TransformerBlock"] * 28,
        *("LayerNormalization", "Dense", "DepthToSpace"),
    ]
    block = keras.Input((16, 16, 1152))
    [layer] = LayerBuilder().layers(stack[2:3], "decoder")
    layer(block)
    assert layer.expand.units == 4096
    own = 768 * 1152 + 1152 + 2 * 1152 + 1152 * 768 + 768
    assert 28 * layer.count_params() + own == pytest.approx(415e6, rel=2e-3)
    assert stack[-1]["DepthToSpace"]["size"] == [16, 16]


def test_tokens_and_their_map_give_the_same_image():
    tokens, grid = model_of((12, 5), (24, 32, 3)), model_of((3, 4, 5), (24, 32, 3))
    grid.set_weights(tokens.get_weights())
    codes = np.random.default_rng(0).normal(size=(2, 12, 5)).astype("float32")
    np.testing.assert_array_equal(tokens(codes), grid(codes.reshape(2, 3, 4, 5)))
    leading = model_of((13, 5), (24, 32, 3), drop_leading=1)
    leading.set_weights(tokens.get_weights())
    np.testing.assert_array_equal(leading(np.concatenate([codes[:, :1], codes], axis=1)), tokens(codes))


def test_a_token_is_the_patch_in_its_place():
    """Without blocks between them only the positions differ: a changed token changes the pixels of its patch."""
    model = model_of((2, 4, 5), (12, 20, 1))
    for layer in model.layers:
        if type(layer).__name__ == "TransformerBlock":  # branches of zero
            layer.set_weights([0 * weight for weight in layer.get_weights()])
    codes = np.zeros((2, 2, 4, 5), "float32")
    codes[1, 1, 2] = 1
    changed = np.ptp(model(codes), axis=0)[..., 0] > 0
    assert changed[6:, 10:15].all() and changed.sum() == 30


@pytest.mark.parametrize(
    ("arguments", "code_shape", "image_shape", "message"),
    [
        ({}, (16, 16, 8), (250, 250, 3), r"250×250 into the 16×16 patches of a code of \[16, 16, 8\]; use .*: 256, or"),
        ({}, (16, 12, 8), (60, 60, 3), r"use dataset.image.size: 64|use dataset.image.size: \[64, 60\], or resize"),
        ({}, (257, 8), (224, 224, 3), r"no grid of 257 tokens .*drop_leading: 1 if the first 1 are class"),
        ({}, (261, 8), (224, 224, 3), r"drop_leading: 5 if the first 5 are class and register tokens \(16×16\)"),
        ({}, (11, 8), (64, 64, 3), r"no grid of 11 tokens \(code \[11, 8\]\) divides an image of 64×64"),
        ({}, (64,), (64, 64, 3), r"needs a code of \[tokens, channels\] or \[height, width, channels\], got \[64\]"),
        ({"drop_leading": 1}, (4, 4, 8), (64, 64, 3), "drop_leading is for tokens, .* is a map; remove it"),
        ({"patch_size": 8}, (4, 4, 8), (64, 64, 3), "4×4 patches of 16×16 do; leave patch_size out, or .*size: 32"),
        ({"width": 10}, (4, 4, 8), (64, 64, 3), "multiple of 4 .* and of its 2 heads, got 10; 8 is the nearest"),
        ({"heads": 3}, (4, 4, 8), (64, 64, 3), "of its 3 heads, got 8; 12 is the nearest"),
        ({"depth": 0}, (4, 4, 8), (64, 64, 3), "must be at least 1, got 0 and 2"),
        ({"depth": 10**6}, (4, 4, 8), (64, 64, 3), "vit.depth makes 1,000,000 layers or blocks"),
        ({"mlp_ratio": 0}, (4, 4, 8), (64, 64, 3), "vit.mlp_ratio must be positive, got 0; the default is 4"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, code_shape, image_shape, message):
    with pytest.raises(ValueError, match=message) as raised:
        expand_architecture("vit", {**SMALL, **arguments}, code_shape, image_shape)
    assert "\n" not in str(raised.value)


def test_a_patch_size_that_fits_may_be_given():
    assert model_of((4, 4, 8), (64, 64, 3), patch_size=16).output.shape == (None, 64, 64, 3)
