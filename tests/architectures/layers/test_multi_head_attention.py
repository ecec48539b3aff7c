"""MultiHeadAttention: the same numbers as Keras' layer of several inputs, on tokens and on maps."""

import keras
import numpy as np
import pytest

from common.registry import LAYERS

MultiHeadAttention = LAYERS.get("MultiHeadAttention")
TOKENS = np.random.default_rng(0).normal(size=(3, 12, 8)).astype("float32")


@pytest.mark.parametrize("arguments", [{}, {"head_size": 3}, {"use_bias": False}])
def test_it_equals_keras_own_layer_with_one_input(arguments):
    ours = MultiHeadAttention(2, **arguments)
    outputs = ours(TOKENS)
    size = arguments.get("head_size", 4)
    theirs = keras.layers.MultiHeadAttention(2, size, use_bias=True)
    theirs(TOKENS, TOKENS)
    # Ours: q, k and v in one kernel. Theirs: three of [channels, heads, size], and their biases.
    kernel = ours.qkv.kernel.numpy().reshape(8, 3, 2, size)
    bias = ours.qkv.bias.numpy().reshape(3, 2, size) if ours.use_bias else np.zeros((3, 2, size))
    weights = {dense: (kernel[:, index], bias[index]) for index, dense in enumerate(("query", "key", "value"))}
    for name, values in weights.items():
        getattr(theirs, f"_{name}_dense").set_weights(list(values))
    last = ours.projection
    theirs._output_dense.set_weights([last.kernel.numpy().reshape(2, size, 8), last.bias.numpy()])
    np.testing.assert_allclose(outputs, theirs(TOKENS, TOKENS), atol=1e-5)


def test_positions_of_a_map_attend_like_tokens():
    layer = MultiHeadAttention(4)
    np.testing.assert_array_equal(layer(TOKENS.reshape(3, 3, 4, 8)), np.reshape(layer(TOKENS), (3, 3, 4, 8)))


def test_tokens_may_change_places():
    layer, order = MultiHeadAttention(2), np.random.default_rng(1).permutation(12)
    np.testing.assert_allclose(layer(TOKENS[:, order]), np.asarray(layer(TOKENS))[:, order], atol=1e-6)


def test_large_scores_stay_finite_in_half_precision():
    layer = MultiHeadAttention(2, dtype="mixed_float16")
    assert np.isfinite(layer(100 * TOKENS)).all()


def test_a_file_with_keras_own_layer_still_opens_as_such(tmp_path):
    tokens = keras.Input((5, 8))
    model = keras.Model(tokens, keras.layers.MultiHeadAttention(2, 4)(tokens, tokens))
    model.save(tmp_path / "theirs.keras")
    assert type(keras.saving.load_model(tmp_path / "theirs.keras").layers[-1]) is keras.layers.MultiHeadAttention
    model = keras.Model(tokens, MultiHeadAttention(2)(tokens))
    model.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    assert type(again.layers[-1]) is MultiHeadAttention
    np.testing.assert_array_equal(again(TOKENS[:, :5]), model(TOKENS[:, :5]))


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"heads": 3}, (None, 5, 8), "8 channels cannot be divided by 3 heads; choose heads"),
        ({"heads": 2}, (None, 8), r"needs tokens \[n, channels\] or a map \[height, width, channels\], got \[8\]"),
        ({"heads": 0}, (None, 5, 8), "MultiHeadAttention.heads must be at least 1, got 0"),
        ({"heads": 1, "head_size": 0}, (None, 5, 8), "MultiHeadAttention.head_size must be at least 1, got 0"),
        ({"heads": 1, "dropout": 1}, (None, 5, 8), "MultiHeadAttention.dropout must be from 0 to below 1, got 1"),
    ],
)
def test_mistakes_are_one_line(arguments, shape, message):
    with pytest.raises(ValueError, match=message) as raised:
        MultiHeadAttention(**arguments).build(shape)
    assert "\n" not in str(raised.value)
