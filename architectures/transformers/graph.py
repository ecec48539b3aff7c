"""What a transformer's builder makes: a functional model, its taps, and where published files hold its weights."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers

from architectures.transformers.layers import TokenActivation


@dataclass(frozen=True)
class Source:
    """Where a variable's value is in a published file.

    Args:
        names: Names of tensors; several are put together by `convert`.
        convert: Tensors → the variable's value.
    """

    names: tuple[str, ...]
    convert: Callable[..., np.ndarray] = lambda value: value


@dataclass
class Graph:
    """A network under construction.

    Attributes:
        taps: Name → tensor, stride of a map or None, and a description.
        sources: Layer → the sources of its variables, in the order of `variables_of`.
    """

    taps: dict[str, tuple[keras.KerasTensor, int | None, str]] = field(default_factory=dict)
    sources: dict[str, list[Source]] = field(default_factory=dict)

    def dense(self, tensor: Any, units: int, name: str, published: str, bias: bool = True) -> Any:
        """torch.nn.Linear."""
        self.sources[name] = _pair(published, np.transpose, bias)
        return layers.Dense(units, use_bias=bias, name=name)(tensor)

    def norm(self, tensor: Any, epsilon: float, name: str, published: str) -> Any:
        """torch.nn.LayerNorm."""
        self.sources[name] = _pair(published, np.asarray, True)
        return layers.LayerNormalization(epsilon=epsilon, name=name)(tensor)

    def patches(self, image: Any, width: int, patch: int, name: str, published: str, bias: bool = True) -> Any:
        """A convolution whose stride is its kernel."""
        self.sources[name] = _pair(published, lambda value: value.transpose(2, 3, 1, 0), bias)
        return layers.Conv2D(width, patch, strides=patch, use_bias=bias, name=name)(image)

    def own(self, layer: keras.layers.Layer, tensor: Any, *sources: Source) -> Any:
        """A layer of this project, with the source of each of its variables."""
        self.sources[layer.name] = list(sources)
        return layer(tensor)

    def activation(self, tensor: Any, kind: str, name: str) -> Any:
        """One of `ACTIVATIONS`."""
        return TokenActivation(kind, name=name)(tensor)

    def tap(self, name: str, tensor: Any, stride: int | None, description: str) -> None:
        """Adds a tap."""
        self.taps[name] = (tensor, stride, description)

    def model(self, image: keras.KerasTensor, name: str) -> keras.Model:
        """The network, whose outputs are its taps."""
        return keras.Model(image, [tensor for tensor, _, _ in self.taps.values()], name=name)


def _pair(published: str, convert: Callable[[np.ndarray], np.ndarray], bias: bool) -> list[Source]:
    weight = Source((f"{published}.weight",), convert)
    return [weight, Source((f"{published}.bias",))] if bias else [weight]
