"""TransformerBlock: the published block, in PyTorch and by its formula, and what its options do."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.registry import LAYERS

TransformerBlock = LAYERS.get("TransformerBlock")
TOKENS = np.random.default_rng(0).normal(size=(4, 10, 12)).astype("float32")


def drawn(layer, seed=1):
    """The layer with values of its own in every weight, also in those that begin as 0 or 1."""
    layer.build(TOKENS.shape)
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.normal(size=weight.shape, scale=0.3) for weight in layer.get_weights()])
    return layer


def test_it_equals_pytorch():
    torch = pytest.importorskip("torch")
    ours = drawn(TransformerBlock(3, mlp_ratio=2))
    theirs = torch.nn.TransformerEncoderLayer(
        12, 3, 24, dropout=0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    ).eval()
    state = {}
    for name, layer in (
        ("norm1", ours.attention_norm),
        ("norm2", ours.mlp_norm),
        ("linear1", ours.expand),
        ("linear2", ours.contract),
        ("self_attn.in_proj", ours.attention.qkv),
        ("self_attn.out_proj", ours.attention.projection),
    ):
        first, bias = layer.get_weights()
        separator = "_" if name.endswith("in_proj") else "."
        state[f"{name}{separator}weight"] = torch.from_numpy(first.T.copy())
        state[f"{name}{separator}bias"] = torch.from_numpy(bias)
    theirs.load_state_dict(state)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(TOKENS)).numpy()
    np.testing.assert_allclose(ours(TOKENS), expected, atol=1e-5)


def normalised(values, gamma, beta):
    spread = np.sqrt(values.var(-1, keepdims=True) + 1e-6)
    return (values - values.mean(-1, keepdims=True)) / spread * gamma + beta


def by_formula(tokens, layer):
    """The block with LayerScale, in NumPy."""
    weights = {weight.path.split("/", 1)[1]: weight.numpy().astype("float64") for weight in layer.weights}

    def dense(values, name):
        return values @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    def norm(values, name):
        return normalised(values, weights[f"{name}/gamma"], weights[f"{name}/beta"])

    query, key, value = np.split(dense(norm(tokens, "attention_norm"), "attention/qkv"), 3, axis=-1)
    heads = []
    for part in np.split(np.arange(query.shape[-1]), layer.heads):
        scores = query[..., part] @ key[..., part].swapaxes(1, 2) / np.sqrt(len(part))
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(shares / shares.sum(-1, keepdims=True) @ value[..., part])
    tokens = tokens + weights["attention_scale"] * dense(np.concatenate(heads, -1), "attention/projection")
    hidden = dense(norm(tokens, "mlp_norm"), "expand")
    hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / np.sqrt(2)))
    return tokens + weights["mlp_scale"] * dense(hidden, "contract")


def test_it_equals_its_formula_on_tokens_and_maps():
    layer = drawn(TransformerBlock(2, layer_scale=0.1))
    expected = by_formula(TOKENS.astype("float64"), layer)
    np.testing.assert_allclose(layer(TOKENS), expected, atol=1e-5)
    np.testing.assert_allclose(layer(TOKENS.reshape(4, 2, 5, 12)), expected.reshape(4, 2, 5, 12), atol=1e-5)


def test_a_small_layer_scale_begins_as_the_identity():
    np.testing.assert_allclose(TransformerBlock(3, layer_scale=1e-6)(TOKENS), TOKENS, atol=1e-4)


def test_drop_path_leaves_branches_out_for_whole_images():
    layer = drawn(TransformerBlock(3, drop_path=0.5))
    many = np.repeat(TOKENS[:1], 200, axis=0)
    keras.utils.set_random_seed(3)
    outputs = np.asarray(layer(many, training=True)).reshape(200, -1)
    # Each of the two branches is there or not: four kinds of images, of which the identity is one.
    kinds, counts = np.unique(outputs.round(3), axis=0, return_counts=True)
    assert len(kinds) == 4 and counts.min() > 25
    assert np.abs(kinds - TOKENS[0].ravel()).max(axis=1).min() < 1e-3
    assert not np.allclose(layer(TOKENS), TOKENS)


def test_a_gradient_reaches_everything():
    layer = TransformerBlock(3, dropout=0.1, drop_path=0.1, layer_scale=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(inputs := tf.constant(TOKENS))
        loss = tf.reduce_sum(layer(inputs, training=True) ** 2)
    weights = [weight.value for weight in layer.trainable_weights]
    gradients = tape.gradient(loss, [inputs, *weights])
    assert len(weights) == 14 and all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_equal_seeds_give_equal_weights_and_drops():
    def draw():
        keras.utils.set_random_seed(5)
        layer = TransformerBlock(3, dropout=0.2, drop_path=0.5)
        return layer(TOKENS, training=True), layer.get_weights()

    (one, weights), (other, same) = draw(), draw()
    np.testing.assert_array_equal(one, other)
    assert all((a == b).all() for a, b in zip(weights, same))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"drop_path": 1}, "TransformerBlock.drop_path must be from 0 to below 1, got 1; the default is 0"),
        ({"dropout": -0.1}, "TransformerBlock.dropout must be"),
        ({"mlp_ratio": 0}, "TransformerBlock.mlp_ratio must be positive, got 0; the default is 4"),
        ({"layer_scale": 0}, "TransformerBlock.layer_scale must be positive, got 0"),
        ({"epsilon": 0}, "TransformerBlock.epsilon must be positive"),
        ({"heads": 5}, "12 channels cannot be divided by 5 heads"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        TransformerBlock(**{"heads": 3, **arguments}).build(TOKENS.shape)
