"""PositionEmbedding: MAE's table, PyTorch's resampling, and grids that are known or not."""

import keras
import numpy as np
import pytest

from architectures.layers.position_embedding import resampling_matrix
from common.registry import LAYERS

PositionEmbedding = LAYERS.get("PositionEmbedding")


def positions(layer, *shape):
    """What a layer adds to an input of a shape."""
    return np.asarray(layer(np.zeros((1, *shape), "float32")))[0]


def table_of_mae(rows, columns, channels):
    """The positions of MAE's published code, by their definition: half for the column, half for the row."""
    frequencies = [10000 ** (-4 * index / channels) for index in range(channels // 4)]
    half = [[np.sin(p * f) for f in frequencies] + [np.cos(p * f) for f in frequencies] for p in range(99)]
    return np.array([[half[column] + half[row] for column in range(columns)] for row in range(rows)])


def test_sines_are_those_of_mae_on_maps_and_on_tokens():
    expected = table_of_mae(3, 5, 16)
    np.testing.assert_allclose(positions(PositionEmbedding("sine"), 3, 5, 16), expected, atol=1e-6)
    tokens = positions(PositionEmbedding("sine", grid=(3, 5), leading=2), 17, 16)
    np.testing.assert_allclose(tokens[2:], expected.reshape(15, 16), atol=1e-6)
    assert not tokens[:2].any()


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_positions_are_resampled_as_pytorch_does(interpolation):
    torch = pytest.importorskip("torch")
    table = np.random.default_rng(0).normal(size=(4 * 6, 8)).astype("float32")
    for size in ((7, 9), (3, 5), (1, 12)):
        layer = PositionEmbedding(grid=(4, 6), interpolation=interpolation)
        layer.build((None, *size, 8))
        layer.set_weights([table])
        stored = torch.from_numpy(table.reshape(1, 4, 6, 8)).permute(0, 3, 1, 2)
        expected = torch.nn.functional.interpolate(stored, size, mode=interpolation, align_corners=False)
        np.testing.assert_allclose(positions(layer, *size, 8), expected[0].permute(1, 2, 0), atol=1e-5)


@pytest.mark.parametrize("kind", ["learned", "sine"])
def test_the_stored_size_keeps_its_values(kind):
    layer = PositionEmbedding(kind, grid=4)
    keras.utils.set_random_seed(1)
    same = positions(layer, 4, 4, 8)
    np.testing.assert_array_equal(positions(layer, 4, 4, 8), same)
    if kind == "learned":
        np.testing.assert_array_equal(same.reshape(16, 8), layer.get_weights()[0])
    for interpolation in ("bicubic", "bilinear"):
        np.testing.assert_allclose(resampling_matrix(7, 7, interpolation), np.eye(7), atol=1e-12)
        np.testing.assert_allclose(resampling_matrix(5, 9, interpolation).sum(axis=1), 1, atol=1e-12)


def test_leading_tokens_have_vectors_of_their_own():
    layer = PositionEmbedding(leading=2, grid=3)
    first = positions(layer, 11, 8)
    np.testing.assert_array_equal(first, layer.get_weights()[0])
    larger = PositionEmbedding(leading=2, grid=3)
    larger.build((None, 18, 8))
    larger.set_weights(layer.get_weights())
    np.testing.assert_array_equal(positions(larger, 18, 8)[:2], first[:2])


def test_a_constant_stays_a_constant():
    layer = PositionEmbedding(grid=(3, 4))
    layer.build((None, 8, 5, 4))
    layer.set_weights([np.full((12, 4), 0.7, "float32")])
    np.testing.assert_allclose(positions(layer, 8, 5, 4), 0.7, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"kind": "sine"}, (4, 4, 6), "need a multiple of 4 channels, got 6; let the layer before give 8"),
        ({}, (12, 8), r"the grid of 12 tokens is not known, for they are no square; give grid: \[rows, columns\]"),
        ({"leading": 1}, (12, 8), "the grid of 11 tokens after 1 leading ones is not known"),
        ({"leading": 1}, (4, 4, 8), "a map has no leading tokens; remove leading"),
        ({"grid": 5000}, (4, 4, 8), "PositionEmbedding.grid must be one number or .* from 1 to 4096, got 5000"),
        ({"leading": -1}, (4, 4, 8), "PositionEmbedding.leading must not be negative"),
        ({}, (8,), r"needs tokens \[n, channels\] or a map"),
        ({}, (2, 2, 2, 8), "takes tokens or a map"),
    ],
)
def test_mistakes_are_one_line(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        PositionEmbedding(**arguments).build((None, *shape))
