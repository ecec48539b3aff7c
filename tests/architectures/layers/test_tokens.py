"""PatchEmbed, TokensToMap, MapToTokens and ChannelSlice: what goes where, and what does not fit."""

import numpy as np
import pytest

from common.registry import LAYERS

PatchEmbed, TokensToMap = LAYERS.get("PatchEmbed"), LAYERS.get("TokensToMap")
MapToTokens, ChannelSlice = LAYERS.get("MapToTokens"), LAYERS.get("ChannelSlice")
DepthToSpace = LAYERS.get("DepthToSpace")
MAP = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype("float32")


def test_a_token_is_a_dense_layer_of_its_patch():
    layer = PatchEmbed(5, [3, 2])
    tokens = layer(MAP)
    patches = MAP.reshape(2, 2, 3, 4, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 8, 18)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(tokens, patches @ kernel.reshape(18, 5) + bias, atol=1e-5)
    layer.gives = "map"
    np.testing.assert_array_equal(np.reshape(layer(MAP), (2, 8, 5)), tokens)


def test_tokens_and_maps_turn_into_each_other():
    tokens = MapToTokens()(MAP)
    np.testing.assert_array_equal(tokens, MAP.reshape(2, 48, 3))
    np.testing.assert_array_equal(TokensToMap(height=6)(tokens), MAP)
    np.testing.assert_array_equal(TokensToMap(width=8)(tokens), MAP)
    leading = np.concatenate([np.zeros((2, 5, 3), "float32"), tokens], axis=1)
    np.testing.assert_array_equal(TokensToMap(6, 8, drop_leading=5)(leading), MAP)
    assert TokensToMap().compute_output_shape((None, 256, 7)) == (None, 16, 16, 7)


def test_rectangular_patches_of_pixels():
    pixels = DepthToSpace([3, 2])(np.arange(24, dtype="float32").reshape(1, 2, 2, 6))
    np.testing.assert_array_equal(pixels[0, :3, :2, 0], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(pixels[0, 3:, 2:, 0], [[18, 19], [20, 21], [22, 23]])


def test_some_channels_pass():
    np.testing.assert_array_equal(ChannelSlice(2, start=1)(MAP), MAP[..., 1:])


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (PatchEmbed(8, 16), (30, 40, 3), "patches of 16×16 do not fill 30×40; .* or images of 32×48"),
        (TokensToMap(), (257, 8), "257 tokens are no square map; .* drop_leading: 1 if the first 1 are class"),
        (TokensToMap(drop_leading=1), (261, 8), "261 tokens without the first 1 .*drop_leading: 5 if the first 5"),
        (TokensToMap(), (12, 8), "12 tokens are no square map; give height and width$"),
        (TokensToMap(height=5), (12, 8), r"12 tokens do not fill a map of 5×\?; height · width must be 12"),
        (TokensToMap(drop_leading=12), (12, 8), "nothing is left of 12 tokens"),
        (ChannelSlice(6, start=3), (4, 4, 8), "6 channels from channel 3 on need 9, got 8; lower start or count"),
        (DepthToSpace([2, 3]), (4, 4, 8), r"size \[2, 3\] needs a multiple of 6 channels, got 8"),
    ],
)
def test_what_does_not_fit_is_one_line(layer, shape, message):
    with pytest.raises(ValueError, match=message) as raised:
        layer.build((None, *shape))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("entry", "arguments", "message"),
    [
        (PatchEmbed, {"channels": 0, "patch_size": 2}, "PatchEmbed.channels must be at least 1"),
        (PatchEmbed, {"channels": 4, "patch_size": 0}, "PatchEmbed.patch_size must be one side"),
        (PatchEmbed, {"channels": 4, "patch_size": 2, "output": "grid"}, "must be tokens or map, got 'grid'"),
        (TokensToMap, {"height": 0}, "TokensToMap.height must be at least 1, got 0; leave it out"),
        (TokensToMap, {"drop_leading": -1}, "TokensToMap.drop_leading must not be negative"),
        (ChannelSlice, {"count": 0}, "ChannelSlice.count must be at least 1"),
        (ChannelSlice, {"count": 1, "start": -1}, "ChannelSlice.start must not be negative"),
        (DepthToSpace, {"size": [2, 0]}, "DepthToSpace.size must be at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(entry, arguments, message):
    with pytest.raises(ValueError, match=message):
        entry(**arguments)
