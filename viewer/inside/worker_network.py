"""A network cut at its places: the activations there, and the image when they are changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
import tensorflow as tf

from architectures.layers.noise_augmentation import NoiseAugmentation
from architectures.layers.output import Output
from architectures.reconstructors.autoencoder import Autoencoder
from architectures.reconstructors.backbone_inverter import BackboneInverter
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.embedding_decoder import EmbeddingDecoder
from viewer.inside.channels import Place

# Layers without new values: their output equals their input, or, of an Output, is a side image.
_NOTHING_NEW = (
    Output,
    NoiseAugmentation,
    *(
        getattr(keras.layers, name)
        for name in (
            *("InputLayer", "Identity", "Flatten", "ActivityRegularization", "AlphaDropout", "Dropout"),
            *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "GaussianNoise"),
        )
    ),
)


@dataclass(frozen=True)
class _Section:
    """A part of the chain: a functional model, and how the previous part's output becomes its input."""

    name: str
    model: keras.Model
    enter: Callable[[Any], Any] = lambda tensors: tensors

    @property
    def output(self) -> Any:
        output = self.model.output
        return output["image"] if isinstance(output, dict) else output


@dataclass(frozen=True)
class _Spot:
    """Where a place is: the input tensor of this number of a section, or the output of one of its layers."""

    section: int
    tensor: int = 0
    layer: keras.layers.Layer | None = None


@dataclass(frozen=True)
class Opened:
    """Activations at a place.

    Args:
        entering: Input of the place's section.
        value: [1, …, channels].
    """

    entering: Any
    value: tf.Tensor


@dataclass(frozen=True)
class _Ways:
    """Functions to a place, and from it to the image."""

    open: Callable
    change: Callable


class Network:
    """A model as a chain of sections that can be cut after each layer.

        start ── fusion or encoder ── code stack ── decoder ──► image

    It starts with the taps of a frozen network, the image of a trained encoder, the latent, or the stored embedding.

    Args:
        model: A restored model. Other weights may be loaded at any time.
        taps: Names of its taps.
    """

    def __init__(self, model: Reconstructor, taps: Sequence[str]):
        self._sections, starts = _chain(model, taps)
        # Without a decoder's side images.
        self._whole = [keras.Model(part.model.inputs, part.output) for part in self._sections]
        self._ways: dict[str, _Ways] = {}
        self._compiled: dict[tuple[str, str], Callable] = {}
        self._spots: dict[str, _Spot] = {}
        self.places: tuple[Place, ...] = ()
        for number, (name, shape) in enumerate(starts):
            self._add(name, name, shape, _Spot(0, number))
        for number, part in enumerate(self._sections):
            self._add_section(number, part)
        self._taps = tf.function(model.activations) if isinstance(model, BackboneInverter) else None

    def start(self, beginning: tf.Tensor) -> Any:
        """The input of the chain.

        Args:
            beginning: An image, float32 [1, height, width, channels] in [0, 1], or its latent or embedding, float32
                [1, …].
        """
        return beginning if self._taps is None else self._taps(beginning)

    def open(self, place: str, start: Any) -> Opened:
        """The activations at a place."""
        return Opened(*self._run(place, "open", start))

    def change(self, place: str, opened: Opened, factors: tf.Tensor) -> tf.Tensor:
        """The image when the activations at a place are scaled.

        Args:
            place: Its name.
            opened: The activations there.
            factors: float32 [channels].

        Returns:
            float32 [1, height, width, channels] in [0, 1].
        """
        return self._run(place, "change", opened.entering, opened.value, factors)

    # Finding places

    def _add(self, name: str, title: str, shape: tuple, spot: _Spot) -> None:
        shape = tuple(shape[1:])
        kind: Literal["maps", "vector", "other"] = "other"
        if None not in shape and len(shape) in (1, 3):
            kind = "maps" if len(shape) == 3 else "vector"
        self._spots[name] = spot
        self.places += (Place(name, title, shape, kind),)

    def _add_section(self, number: int, part: _Section) -> None:
        decoder = part.name == "decoder"
        # The first section's input is a start already.
        if number and (decoder or part.name == "code"):
            name, title = ("code", "code") if decoder else ("uncoded", "code, before its layers")
            self._add(name, title, part.model.inputs[0].shape, _Spot(number))
        for layer in part.model.layers:
            if isinstance(layer, _NOTHING_NEW) or not hasattr(layer.output, "shape"):
                continue
            # A section's output is the next one's input, a place already; of a fusion only projections are new.
            last = layer.output is part.output
            if (last and not decoder) or (part.name == "fusion" and not layer.weights):
                continue
            title = f"{part.name} {_layer_title(layer)}{': the image' if last else ''}"
            self._add(f"{part.name}/{layer.name}", title, layer.output.shape, _Spot(number, layer=layer))

    # Cutting

    def _run(self, place: str, way: Literal["open", "change"], *arguments: Any) -> Any:
        """Calls a function of a place, compiled once: all images have one shape."""
        if place not in self._ways:
            self._ways[place] = self._cut(self._spots[place])
        if (place, way) not in self._compiled:
            function = tf.function(getattr(self._ways[place], way))
            self._compiled[place, way] = function.get_concrete_function(*arguments)
        return self._compiled[place, way](*arguments)

    def _cut(self, spot: _Spot) -> _Ways:
        """The functions to and from a place, made of the model's own layers."""
        part = self._sections[spot.section]
        head = tail = None
        if spot.layer is not None:
            head = keras.Model(part.model.inputs, spot.layer.output)
            if spot.layer.output is not part.output:
                # Connections that skip the place start at the section's inputs.
                tail = keras.Model([spot.layer.output, *part.model.inputs], part.output)

        def open_(start):
            entering = self._through(start, 0, spot.section)
            if head is None:
                return entering, tf.nest.flatten(entering)[spot.tensor]
            return entering, head(tf.nest.flatten(part.enter(entering)), training=False)

        def change(entering, value, factors):
            value = value * tf.cast(factors, value.dtype)
            if head is None:
                flat = tf.nest.flatten(entering)
                flat[spot.tensor] = value
                output = self._through(tf.nest.pack_sequence_as(entering, flat), spot.section)
            else:
                if tail is not None:
                    value = tail([value, *tf.nest.flatten(part.enter(entering))], training=False)
                output = self._through(value, spot.section + 1)
            return tf.clip_by_value(tf.cast(output, tf.float32), 0.0, 1.0)

        return _Ways(open_, change)

    def _through(self, tensors: Any, first: int, last: int | None = None) -> Any:
        """The output of some sections for their input."""
        for part, whole in list(zip(self._sections, self._whole))[first:last]:
            tensors = whole(tf.nest.flatten(part.enter(tensors)), training=False)
        return tensors


def _chain(model: Reconstructor, taps: Sequence[str]) -> tuple[list[_Section], list[tuple[str, tuple]]]:
    """The sections of a model, and name and shape of each start that is a place."""
    if isinstance(model, BackboneInverter):
        sections = [_Section("fusion", model.fuse_model, model.scaled)]
        starts = [(f"tap {tap}", entering.shape) for tap, entering in zip(taps, model.fuse_model.inputs)]
        if model.residual is not None:
            starts.append(("residual", model.residual.output.shape))
    elif isinstance(model, Autoencoder):
        sections, starts = [_Section("encoder", model.encoder)], []
    elif isinstance(model, EmbeddingDecoder):
        sections, starts = [], [("embedding", (None, *model.embedding_shape))]
    else:
        sections, starts = [], [("latent", (None, model.latents.shape[-1]))]
    if model.code_stack is not None:
        sections.append(_Section("code", model.code_stack))
    sections.append(_Section("decoder", model.decoder))
    if isinstance(model, EmbeddingDecoder):
        sections[0] = replace(sections[0], enter=model.scaled)
    return sections, starts


def _layer_title(layer: keras.layers.Layer) -> str:
    """`4 Conv2D` for a layer named by its position, else its own name."""
    kind = type(layer).__name__
    words = layer.name.split("_")
    if len(words) >= 3 and words[1].isdecimal() and words[-1] == kind.lower():
        return f"{int(words[1]) + 1} {kind}"
    return f"{layer.name} ({kind})"
