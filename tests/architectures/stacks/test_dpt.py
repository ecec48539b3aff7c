"""The stack `dpt`: which tap is read where, at which size, and that all of them reach the image."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from architectures.stacks.stack import expand_architecture
from builders.layer_builder import LayerBuilder
from builders.model_builder import ModelBuilder
from tests.specs import INVERTER, loaded


def branches(code_shape, image_shape, tap_shapes=(), **arguments):
    """(first channel, channels, height and width of the reassembled map) of each level, fine to coarse."""
    stack = expand_architecture("dpt", {"width": 4, **arguments}, code_shape, image_shape, tap_shapes)
    found = []
    while stack:
        [(name, entry)] = stack[0].items()
        own, stack = entry["branches"] if name == "Parallel" else (stack, None)
        end = next(index for index, layer in enumerate(own) if "Residual" in layer)
        tensor = keras.Input(code_shape)
        for layer in LayerBuilder().layers(own[:end], "own"):
            tensor = layer(tensor)
        read = own[0].get("ChannelSlice", {"start": 0, "count": code_shape[-1]})
        found.append((read["start"], read["count"], tuple(tensor.shape[1:3])))
        assert tensor.shape[-1] == 4
    return found


def test_taps_of_one_size_get_the_papers_sizes():
    taps = [(14, 14, 6)] * 4
    sizes = [(56, 56), (28, 28), (14, 14), (7, 7)]
    assert branches((14, 14, 24), (224, 224, 3), taps) == [(6 * level, 6, size) for level, size in enumerate(sizes)]
    assert branches((14, 14, 24), (224, 224, 3), splits=[6] * 4) == branches((14, 14, 24), (224, 224, 3), taps)
    eight = branches((14, 14, 24), (224, 224, 3), splits=[3] * 8)
    assert [size for *_, size in eight] == [size for size in sizes for _ in range(2)]


def test_taps_of_several_sizes_keep_them_whatever_their_order():
    taps = [(4, 5, 6), (16, 20, 2), (8,), (8, 10, 3)]
    expected = [(6, 2, (16, 20)), (16, 3, (8, 10)), (0, 6, (4, 5)), (8, 8, (1, 1))]
    assert branches((16, 20, 19), (64, 80, 3), taps) == expected


def test_a_single_tap_is_read_at_four_sizes():
    assert branches((5, 7, 6), (40, 56, 1)) == [(0, 6, size) for size in ((10, 14), (5, 7), (3, 4), (2, 2))]
    assert branches((5, 7, 6), (40, 56, 1), [(5, 7, 6)]) == branches((5, 7, 6), (40, 56, 1))


@pytest.mark.parametrize(
    ("code_shape", "taps", "arguments", "message"),
    [
        ((4, 4, 8), (), {"splits": [4, 5]}, r"dpt.splits \[4, 5\] add up to 9, and the code \[4, 4, 8\] has 8"),
        ((4, 4, 8), [(4, 4, 8)] * 3, {}, r"has 8 where the taps have \[8, 8, 8\]; keep encoder.fuse and the code"),
        ((16, 8), (), {}, r"dpt needs a code of .* got \[16, 8\]; arrange the tokens by code: \{layers: \[TokensToMap"),
        ((4, 4, 8), (), {"width": 1}, "dpt.width must be at least 2, got 1; the default is 256"),
        ((4, 4, 8), (), {"splits": []}, "dpt.splits must be one positive number for each tap"),
        ((4, 4, 8), (), {"splits": [1] * 2000}, "dpt.splits makes 2,000 layers or blocks"),
    ],
)
def test_what_does_not_fit_is_one_line(code_shape, taps, arguments, message):
    with pytest.raises(ValueError, match=message):
        expand_architecture("dpt", arguments, code_shape, (32, 32, 3), taps)


def test_every_tap_of_a_spec_reaches_the_image_by_a_way_of_its_own(tmp_path):
    text = INVERTER[: INVERTER.index("encoder:")] + (
        "encoder: {backbone: vgg16, weights: none, taps: [block1_pool, block2_pool, block3_pool]}\n"
        "decoder: {architecture: {dpt: {width: 4}}}\n"
        "loss: {l1: 1}\n"
    )
    model = ModelBuilder(loaded(tmp_path, text=text).spec, (32, 32, 3)).build()
    assert model.decoder.input_shape == (None, 16, 16, 64 + 128 + 256)
    code = tf.constant(np.random.default_rng(0).normal(size=(1, 16, 16, 448)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(code)
        total = tf.reduce_sum(model.decoder(code)["image"] ** 2)
    reached = np.abs(tape.gradient(total, code)).max(axis=(0, 1, 2))
    assert (reached > 0).all()
    # The stack knows the taps from the encoder: three levels, each with channels of its own.
    names = [variable.path for variable in model.decoder.trainable_variables]
    assert sum("channelslice" in layer.name for layer in model.decoder._flatten_layers()) == 3
    assert len(set(names)) == len(names)
