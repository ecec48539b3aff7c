"""Transformers of equal blocks: ViT, DeiT, MAE, DINOv2, DINOv3, and the image halves of CLIP and SigLIP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
import numpy as np
from keras import layers

from architectures.transformers.graph import Graph, Source
from architectures.transformers.layers import HeadAttention, Positions, PrefixTokens, Probe, SplitGate, TokenScale
from architectures.transformers.positions import resized


@dataclass(frozen=True)
class Names:
    """How published files call a family's tensors. `{}` is a block's number, from 0."""

    patches: str = "embeddings.patch_embeddings.projection"
    prefix: Mapping[str, str] = field(
        default_factory=lambda: {
            "class": "embeddings.cls_token",
            "distillation": "embeddings.distillation_token",
            "registers": "embeddings.register_tokens",
        }
    )
    positions: str = "embeddings.position_embeddings"
    block: str = "encoder.layer.{}"
    norms: tuple[str, str] = ("norm1", "norm2")
    attention: tuple[str, str, str, str] = (
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
        "attention.output.dense",
    )
    mlp: tuple[str, ...] = ("mlp.fc1", "mlp.fc2")
    final: str = "layernorm"


@dataclass(frozen=True)
class PlainConfig:
    """The sizes of a network, and where families differ.

    Args:
        width: Channels of a token.
        depth: Blocks.
        heads: Attention heads of a block.
        hidden: Channels inside a block's MLP.
        patch: Side of a patch, in pixels.
        channels: Of the image, 1 or 3.
        epsilon: Of the layer norms.
        activation: One of `ACTIVATIONS`, of the MLP.
        prefix: Names of the tokens before the patches, in order: `class`, `distillation`, `registers`.
        registers: How many registers.
        learned_positions: They are added to the tokens, but not to registers. False: attention turns queries and keys.
        theta: Base of those turns.
        antialias: See `resized`.
        first_norm: Whether tokens are normalised before the blocks.
        layer_scale: Whether a block's two parts are scaled.
        gate: How the MLP is gated: not, by halves of one layer, or by a layer of its own.
        bias: Of queries, keys, values, the attention's output, and the MLP.
        patch_bias: Of the patches.
        head: What makes the embedding: the class token, a projection of it, or attention of a learned query.
        embedding: Channels of the projection.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072
    patch: int = 16
    channels: int = 3
    epsilon: float = 1e-6
    activation: str = "gelu"
    prefix: tuple[str, ...] = ("class",)
    registers: int = 0
    learned_positions: bool = True
    theta: float | None = None
    antialias: bool = False
    first_norm: bool = False
    layer_scale: bool = False
    gate: Literal["none", "halves", "layer"] = "none"
    bias: tuple[bool, bool, bool, bool, bool] = (True,) * 5
    patch_bias: bool = True
    head: Literal["class", "projection", "probe", "none"] = "class"
    embedding: int = 512
    names: Names = Names()


def plain(config: PlainConfig, image_shape: tuple[int, int, int], name: str) -> tuple[keras.Model, Graph]:
    """The network for images of one size, from preprocessed images."""
    return _Plain(config, image_shape).build(name)


class _Plain:
    def __init__(self, config: PlainConfig, image_shape: tuple[int, int, int]):
        self.config, self.names, self.graph = config, config.names, Graph()
        self.image_shape = image_shape
        self.grid = image_shape[0] // config.patch, image_shape[1] // config.patch
        self.patches = self.grid[0] * self.grid[1]
        # Name → how many tokens.
        self.prefix = {part: config.registers if part == "registers" else 1 for part in config.prefix}
        self.prefix = {part: count for part, count in self.prefix.items() if count}

    def build(self, name: str) -> tuple[keras.Model, Graph]:
        config, graph = self.config, self.graph
        image = keras.Input(self.image_shape, name="image")
        tokens = self._embedded(image)
        self._taps("patches", tokens, "patches with their positions")
        for number in range(1, config.depth + 1):
            tokens = self._block(tokens, number)
            self._taps(f"block_{number}", tokens, f"after block {number}")
        tokens = graph.norm(tokens, config.epsilon, "final_norm", self.names.final)
        self._taps("output", tokens, "normalised output")
        self._embed(tokens)
        return graph.model(image, name), graph

    def _embedded(self, image: Any) -> Any:
        config, graph, names = self.config, self.graph, self.names
        tokens = graph.patches(image, config.width, config.patch, "patch", names.patches, config.patch_bias)
        tokens = layers.Reshape((self.patches, config.width), name="patch_tokens")(tokens)
        late = self.prefix.get("registers", 0) if config.learned_positions else 0
        early = sum(self.prefix.values()) - late
        if early:
            parts = [part for part in self.prefix if not (late and part == "registers")]
            source = Source(tuple(names.prefix[part] for part in parts), _tokens)
            tokens = graph.own(PrefixTokens(early, name="first_tokens"), tokens, source)
        if config.learned_positions:
            source = Source((names.positions,), self._resized(early))
            tokens = graph.own(Positions(name="positions"), tokens, source)
        if late:  # between the class token and the patches
            first = layers.Cropping1D((0, self.patches), name="class_token")(tokens)
            rest = layers.Cropping1D((early, 0), name="patches_alone")(tokens)
            source = Source((names.prefix["registers"],), _tokens)
            rest = graph.own(PrefixTokens(late, name="registers"), rest, source)
            tokens = layers.Concatenate(axis=1, name="all_tokens")([first, rest])
        if config.first_norm:
            tokens = graph.norm(tokens, config.epsilon, "first_norm", "pre_layrnorm")
        return tokens

    def _resized(self, prefix: int) -> Callable[[np.ndarray], np.ndarray]:
        def convert(value: np.ndarray) -> np.ndarray:
            return resized(value if value.ndim == 3 else value[None], prefix, self.grid, self.config.antialias)

        return convert

    def _block(self, tokens: Any, number: int) -> Any:
        config, graph = self.config, self.graph
        name, published = f"block_{number}", self.names.block.format(number - 1)
        norms, parts = self.names.norms, self.names.attention
        inner = graph.norm(tokens, config.epsilon, f"{name}.norm1", f"{published}.{norms[0]}")
        projected = [
            graph.dense(inner, config.width, f"{name}.{part}", f"{published}.{source}", bias)
            for part, source, bias in zip(("query", "key", "value"), parts, config.bias)
        ]
        inner = HeadAttention(config.heads, config.theta, self.grid, name=f"{name}.attention")(projected)
        inner = graph.dense(inner, config.width, f"{name}.mix", f"{published}.{parts[3]}", config.bias[3])
        tokens = layers.Add(name=f"{name}.add1")([tokens, self._scaled(inner, name, published, 1)])
        inner = graph.norm(tokens, config.epsilon, f"{name}.norm2", f"{published}.{norms[1]}")
        inner = self._mlp(inner, name, published)
        return layers.Add(name=f"{name}.add2")([tokens, self._scaled(inner, name, published, 2)])

    def _scaled(self, tokens: Any, name: str, published: str, part: int) -> Any:
        if not self.config.layer_scale:
            return tokens
        source = Source((f"{published}.layer_scale{part}.lambda1",))
        return self.graph.own(TokenScale(name=f"{name}.scale{part}"), tokens, source)

    def _mlp(self, tokens: Any, name: str, published: str) -> Any:
        config, graph = self.config, self.graph
        bias = config.bias[4]
        first, last, *gate = (f"{published}.{part}" for part in self.names.mlp)
        doubled = 2 if config.gate == "halves" else 1
        inner = graph.dense(tokens, doubled * config.hidden, f"{name}.mlp1", first, bias)
        if config.gate == "halves":
            inner = SplitGate(name=f"{name}.gate")(inner)
        elif config.gate == "layer":
            other = graph.dense(tokens, config.hidden, f"{name}.gate", gate[0], bias)
            other = graph.activation(other, config.activation, f"{name}.act")
            inner = layers.Multiply(name=f"{name}.gated")([other, inner])
        else:
            inner = graph.activation(inner, config.activation, f"{name}.act")
        return graph.dense(inner, config.width, f"{name}.mlp2", last, bias)

    def _taps(self, name: str, tokens: Any, description: str) -> None:
        """The patches as a map and as tokens, and each other token apart."""
        total = self.patches + sum(self.prefix.values())
        first = total - self.patches
        alone = layers.Cropping1D((first, 0), name=f"{name}.tokens")(tokens)
        shape = (*self.grid, self.config.width)
        self.graph.tap(
            name, layers.Reshape(shape, name=name)(alone), self.config.patch, f"map of the patches, {description}"
        )
        self.graph.tap(f"{name}.tokens", alone, None, f"tokens of the patches, {description}")
        start = 0
        for part, count in self.prefix.items():
            crop = (start, total - start - count)
            start += count
            if count > 1:
                found = layers.Cropping1D(crop, name=f"{name}.{part}")(tokens)
            else:
                found = layers.Cropping1D(crop, name=f"{name}.{part}_token")(tokens)
                found = layers.Reshape((self.config.width,), name=f"{name}.{part}")(found)
            what = f"{count} registers" if part == "registers" else f"{part} token"
            self.graph.tap(f"{name}.{part}", found, None, f"{what}, {description}")

    def _embed(self, tokens: Any) -> None:
        config, graph = self.config, self.graph
        if config.head == "class":
            found, what = graph.taps["output.class"][0], "class token, normalised"
            found = layers.Identity(name="embedding")(found)
        elif config.head == "projection":
            found = graph.dense(
                graph.taps["output.class"][0], config.embedding, "embedding", "visual_projection", False
            )
            what = "projection beside that of texts"
        elif config.head == "probe":
            found, what = self._probed(tokens), "tokens, pooled by attention"
        else:
            return
        graph.tap("embedding", found, None, what)

    def _probed(self, tokens: Any) -> Any:
        config, graph, width = self.config, self.graph, self.config.width
        probe = graph.own(Probe(name="head.probe"), tokens, Source(("head.probe",)))
        projected = []
        for number, (part, tensor) in enumerate((("query", probe), ("key", tokens), ("value", tokens))):
            projected.append(layers.Dense(width, name=f"head.{part}")(tensor))
            graph.sources[f"head.{part}"] = [
                Source((f"head.attention.in_proj_{what}",), _third(number, width)) for what in ("weight", "bias")
            ]
        inner = HeadAttention(config.heads, name="head.attention")(projected)
        pooled = graph.dense(inner, width, "head.mix", "head.attention.out_proj")
        inner = graph.norm(pooled, config.epsilon, "head.norm", "head.layernorm")
        inner = graph.dense(inner, config.hidden, "head.mlp1", "head.mlp.fc1")
        inner = graph.activation(inner, config.activation, "head.act")
        inner = graph.dense(inner, width, "head.mlp2", "head.mlp.fc2")
        pooled = layers.Add(name="head.add")([pooled, inner])
        return layers.Reshape((width,), name="embedding")(pooled)


def _third(number: int, width: int) -> Callable[[np.ndarray], np.ndarray]:
    """One of the three parts of PyTorch's packed attention."""
    return lambda value: np.transpose(value[number * width : (number + 1) * width])


def _tokens(*values: np.ndarray) -> np.ndarray:
    """Tokens as one array [1, count, width]."""
    return np.concatenate([value.reshape(1, -1, value.shape[-1]) for value in values], axis=1)
