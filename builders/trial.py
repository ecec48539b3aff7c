"""Tries a network's layers on a few random images, so that a failure is reported with its place before training.

Symbolic shapes do not reveal everything: some arguments fail only where numbers flow, some layers mix the images of a
batch, and through some no gradient comes back.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.latent_decoder import LatentDecoder
from architectures.reconstructors.learning import compiled_where_long, never_learning
from architectures.reconstructors.unchanged import unchanged
from builders.layer_builder import LayerBuilder, Source, refused_warnings, shape_text
from builders.spec import Latents
from builders.spec.memory import count_text, is_kept, shortage
from common.errors import RequestError

_IMAGES = 2
# Relative to the largest value: what rounding may differ by between batches of one and of two.
_ROUNDING = {"float32": 0.02, "float64": 0.02}
_HALF = 0.1


def try_out(layers: LayerBuilder, batch_size: int) -> None:
    """Sends random images through every layer that was applied, forward and backward; changes nothing.

    Args:
        layers: What built and applied the layers.
        batch_size: Images in a step of the training.

    Raises:
        RequestError: A layer fails, outputs another shape than it announced, mixes the images of a batch, lets no
            gradient pass to weights before it, or needs more memory than there is; at its place.
    """
    _require_memory(layers, batch_size)
    values: dict[int, tf.Tensor] = {}
    learning: dict[int, str] = {}  # tensor → place of the last thing before it that learns
    for layer, entering, leaving in layers.applied:
        source = layers.sources.get(id(entering), Source(entering))
        origin = id(source.tensor)
        received = values[origin] if origin in values else _random(source.tensor)
        before = learning.get(origin, source.learns)
        values[id(leaving)] = _try_layer(layers, layer, received, leaving, before)
        learning[id(leaving)] = layers.places[layer] if layer.trainable_weights else before


def require_learning(
    model: Reconstructor,
    samples: Mapping[str, np.ndarray],
    latents: Latents | None,
    place_of: Callable[[keras.Variable], str],
) -> None:
    """Sends images of the training split through the whole model and back; changes nothing.

    Where too little moves, random images decide: the few of the split may be blank or all the same.

    Args:
        model: The model, calibrated.
        samples: Images, as `Split.sample` returns them.
        latents: The spec's latents, if it has any.
        place_of: Trained variable → its place in the spec.

    Raises:
        RequestError: Some of what is trained would never learn; names its place.
    """
    count = len(samples["image"])
    if count < 2:
        return  # a normalised batch of one is constant, so that nothing can be said
    batch = {name: tf.convert_to_tensor(values) for name, values in samples.items()}
    batch["index"] = tf.zeros(count, tf.int64)
    if isinstance(model, LatentDecoder):
        batch["index"] = tf.convert_to_tensor(model.image_indices[:count])
    still = never_learning(model, batch)
    if still:
        generator = np.random.default_rng(0)
        drawn = {name: generator.random(values.shape, np.float32) for name, values in samples.items()}
        again = never_learning(model, batch | {name: tf.convert_to_tensor(values) for name, values in drawn.items()})
        still = [variable for variable in still if any(variable is other for other in again)]
    if places := list(dict.fromkeys(map(place_of, still))):
        others = f" (nor would {', '.join(places[1:3])}{' and others' if len(places) > 3 else ''})" * (len(places) > 1)
        raise RequestError(f"{places[0]}: would never learn{others}: {_why(places[0], latents)}")


def _why(place: str, latents: Latents | None) -> str:
    if place == "encoder.latents" and latents.initializer == "zeros":
        return "all latents begin at zero, where this decoder has no gradient; use initializer: normal"
    if ".Output" in place:
        return "no term of the loss compares this image; add one with output: and its name, or remove it"
    return "no gradient of the loss reaches it; look at the layers and activations after it"


def _try_layer(layers: LayerBuilder, layer: keras.layers.Layer, received: tf.Tensor, leaving: Any, before: str) -> Any:
    """A layer's output in inference, float [2, …]."""
    where = layers.places[layer]
    try:
        with unchanged(layer.variables), refused_warnings():
            passes, unreached, announced = _forward_and_backward(layer, received)
            call = compiled_where_long(lambda inputs: _call(layer, inputs), layer, received.shape[1])
            together = call(received)
            with warnings.catch_warnings(action="ignore"):  # Keras warns of axes of size 1, such as this batch
                alone = call(received[:1])
            _trace(layer, received)
    except Exception as error:
        raise layers.refusal(layer, received.shape, error) from error
    for given in (announced, together.shape):
        wanted = leaving.shape[1:]
        if len(given) != len(leaving.shape) or any(a not in (b, None) for a, b in zip(wanted, given[1:])):
            raise RequestError(
                f"{where}: cannot take {shape_text(received.shape)}: it outputs {shape_text(given)} and not, as its "
                f"kind should, {shape_text(leaving.shape)}{layers.arguments_text(layer)}"
            )
    if given[0] != _IMAGES or _differ(together[:1], alone, layer):
        raise RequestError(
            f"{where}: mixes the images of a batch: its output for one depends on the others"
            f"{layers.arguments_text(layer)}; give it an axis other than the first, which is the batch, or remove it"
        )
    if before and not passes:
        raise RequestError(
            f"{where}: lets no gradient pass, so {before} before it would never learn; remove it, or what it follows"
        )
    if unreached:
        raise RequestError(
            f"{where}: its weights {', '.join(unreached)} would never learn: its output does not depend on them"
            f"{layers.arguments_text(layer)}"
        )
    return together


def _trace(layer: keras.layers.Layer, received: tf.Tensor) -> None:
    """Builds the graph of a call in training, as a step does: for any number of images."""
    # Some layers of Keras work eagerly alone: they compute with the batch's size, or mix types.
    images = tf.TensorSpec((None, *received.shape[1:]), received.dtype)
    tf.function(lambda inputs: _call(layer, inputs, training=True)).get_concrete_function(images)


def _forward_and_backward(layer: keras.layers.Layer, received: tf.Tensor) -> tuple[bool, list[str], tf.TensorShape]:
    """A call in training and its gradients.

    Returns:
        Whether a gradient comes back to the input, the names of weights that none reaches, and the output's shape.
    """

    def run(inputs: tf.Tensor) -> tuple[tf.Tensor, Any]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = _call(layer, inputs, training=True)
        return outputs, tape.gradient(outputs, [inputs, *(weight.value for weight in layer.trainable_weights)])

    outputs, (back, *gradients) = compiled_where_long(run, layer, received.shape[1])(received)
    unreached = [weight.name for weight, gradient in zip(layer.trainable_weights, gradients) if gradient is None]
    return back is not None, unreached, outputs.shape


def _call(layer: keras.layers.Layer, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    return layer(inputs, training=training) if layer._call_has_training_arg else layer(inputs)


def _random(tensor: Any) -> tf.Tensor:
    """Values that a tensor might hold, as images do: from 0 to 1."""
    values = np.random.default_rng(0).random((_IMAGES, *(side or 1 for side in tensor.shape[1:])), np.float32)
    return tf.cast(values, tensor.dtype)


def _differ(one: tf.Tensor, other: tf.Tensor, layer: keras.layers.Layer) -> bool:
    a, b = (np.asarray(tf.cast(values, tf.float32)) for values in (one, other))
    if a.shape != b.shape:
        return True
    scale = np.nanmax(np.abs(a), initial=0) + 1e-6
    return not np.allclose(a / scale, b / scale, rtol=0, atol=_ROUNDING.get(layer.compute_dtype, _HALF), equal_nan=True)


def _require_memory(layers: LayerBuilder, batch_size: int) -> None:
    """Training keeps the outputs of layers until the gradient has come back: at least so much memory."""
    kept = 0
    for layer, _, leaving in layers.applied:
        values = math.prod(side or 1 for side in leaving.shape[1:])
        # Attention weighs every pair of positions, which is far more than it outputs.
        inside = max((getattr(inner, "activations", None) or 0 for inner in layer._flatten_layers()), default=0)
        own = max(values, inside) * tf.as_dtype(leaving.dtype).size * batch_size
        if layer.trainable and is_kept(type(layer).__name__):
            kept += own
        if short := shortage(max(kept, own)):
            what = (
                f"{count_text(inside)} values inside it"
                if inside > values
                else f"{shape_text(leaving.shape)} that it outputs"
            )
            raise RequestError(
                f"{layers.places[layer]}: with the {what} for each of {batch_size} images, a step {short}; make it "
                "smaller, or lower dataset.batch_size"
            )
