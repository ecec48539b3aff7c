"""Swin: blocks that attend within windows, on maps that halve from stage to stage."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from architectures.transformers.graph import Graph, Source
from architectures.transformers.layers import MergePatches, WindowAttention


@dataclass(frozen=True)
class WindowedConfig:
    """The sizes of a network.

    Args:
        width: Channels of the first stage; each later one has twice as many.
        depths: Blocks of each stage.
        heads: Attention heads of each stage.
        window: Side of a window, in patches.
        patch: Side of a patch, in pixels.
        channels: Of the image, 1 or 3.
        ratio: Channels inside a block's MLP, as a multiple of its own.
        epsilon: Of the layer norms in blocks; others have PyTorch's.
        activation: One of `ACTIVATIONS`.
        bias: Whether queries, keys and values have one.
    """

    width: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    patch: int = 4
    channels: int = 3
    ratio: float = 4.0
    epsilon: float = 1e-5
    activation: str = "gelu"
    bias: bool = True


_USUAL_EPSILON = 1e-5


def windowed(config: WindowedConfig, image_shape: tuple[int, int, int], name: str) -> tuple[keras.Model, Graph]:
    """The network for images of one size, from preprocessed images."""
    graph = Graph()
    image = keras.Input(image_shape, name="image")
    published = "embeddings.patch_embeddings.projection"
    values = graph.patches(image, config.width, config.patch, "patch", published)
    values = graph.norm(values, _USUAL_EPSILON, "first_norm", "embeddings.norm")
    stride = config.patch
    values = _tap(graph, values, "patches", stride, "patches")
    number = 0
    for stage, (depth, heads) in enumerate(zip(config.depths, config.heads)):
        for index in range(depth):
            number += 1
            shift = config.window // 2 if index % 2 else 0
            source = f"encoder.layers.{stage}.blocks.{index}"
            values = _block(graph, config, values, f"block_{number}", source, heads, shift)
            values = _tap(graph, values, f"block_{number}", stride, f"after block {number}, in stage {stage + 1}")
        if stage + 1 < len(config.depths):
            values = _merged(graph, values, f"merge_{stage + 1}", f"encoder.layers.{stage}.downsample")
            stride *= 2
            values = _tap(graph, values, f"merge_{stage + 1}", stride, f"patches merged after stage {stage + 1}")
    values = graph.norm(values, config.epsilon, "final_norm", "layernorm")
    values = _tap(graph, values, "output", stride, "normalised output")
    embedding = layers.GlobalAveragePooling2D(name="embedding")(values)
    graph.tap("embedding", embedding, None, "mean of all patches")
    return graph.model(image, name), graph


def _tap(graph: Graph, values: Any, name: str, stride: int, description: str) -> Any:
    height, width, channels = values.shape[1:]
    values = layers.Identity(name=name)(values)
    tokens = layers.Reshape((height * width, channels), name=f"{name}.tokens")(values)
    graph.tap(name, values, stride, f"map of the patches, {description}")
    graph.tap(f"{name}.tokens", tokens, None, f"tokens of the patches, {description}")
    return values


def _block(graph: Graph, config: WindowedConfig, values: Any, name: str, source: str, heads: int, shift: int) -> Any:
    height, width, channels = values.shape[1:]
    window = config.window
    if min(height, width) <= window:  # one window has no neighbours to shift to
        shift = 0
    inner = graph.norm(values, config.epsilon, f"{name}.norm1", f"{source}.layernorm_before")
    below, right = -height % window, -width % window
    if below or right:
        inner = layers.ZeroPadding2D(((0, below), (0, right)), name=f"{name}.pad")(inner)
    projected = [
        graph.dense(inner, channels, f"{name}.{part}", f"{source}.attention.self.{part}", config.bias)
        for part in ("query", "key", "value")
    ]
    attention = WindowAttention(heads, window, shift, name=f"{name}.attention")
    table = Source((f"{source}.attention.self.relative_position_bias_table",))
    inner = graph.own(attention, projected, table)
    inner = graph.dense(inner, channels, f"{name}.mix", f"{source}.attention.output.dense")
    if below or right:
        inner = layers.Cropping2D(((0, below), (0, right)), name=f"{name}.crop")(inner)
    values = layers.Add(name=f"{name}.add1")([values, inner])
    inner = graph.norm(values, config.epsilon, f"{name}.norm2", f"{source}.layernorm_after")
    inner = graph.dense(inner, int(config.ratio * channels), f"{name}.mlp1", f"{source}.intermediate.dense")
    inner = graph.activation(inner, config.activation, f"{name}.act")
    inner = graph.dense(inner, channels, f"{name}.mlp2", f"{source}.output.dense")
    return layers.Add(name=f"{name}.add2")([values, inner])


def _merged(graph: Graph, values: Any, name: str, source: str) -> Any:
    height, width, channels = values.shape[1:]
    if height % 2 or width % 2:
        values = layers.ZeroPadding2D(((0, height % 2), (0, width % 2)), name=f"{name}.pad")(values)
    values = MergePatches(name=f"{name}.squares")(values)
    values = graph.norm(values, _USUAL_EPSILON, f"{name}.norm", f"{source}.norm")
    return graph.dense(values, 2 * channels, f"{name}.reduce", f"{source}.reduction", False)
