"""Finds the parts of a model that would never learn, before the first step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import keras
import numpy as np
import tensorflow as tf

from architectures.reconstructors.adversary import Adversary
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.terms import target_for, to_unit_range
from architectures.reconstructors.unchanged import unchanged

Variables = Sequence[keras.Variable]
Gradients = Sequence[tf.Tensor | tf.IndexedSlices | None]

# How far the learning variables are moved before the rest is checked again, relative to their size, and how often.
_STEP = 0.01
_MOVES = 4
_LONG = 64


def never_learning(model: Reconstructor, batch: Mapping[str, tf.Tensor]) -> list[keras.Variable]:
    """Trained variables that no step would move; changes nothing.

    Two kinds: what the loss does not depend on; and parts, such as learned latents, of which no kernel has a gradient
    that differs from 0 anywhere in the batch, not even after the variables that have one were moved a little, as long
    as that reaches others. A gradient of 0 alone is no fault: a gate that starts at 0 opens with the first step, and
    one behind it with the second.

    Args:
        model: The reconstructor, with its latents in place and its taps calibrated.
        batch: As train_step takes it.

    Returns:
        The variables; all terms of the loss are taken as if they had started.
    """
    variables = _trained(model)
    gradients_now = compiled_where_long(lambda: _gradients(model, batch), model, _longest(model))
    with unchanged(_changing(model)):
        reached: set[int] = set()
        for _ in range(1 + _MOVES):
            gradients = gradients_now()
            unreached = [variable for variable, gradient in zip(variables, gradients) if gradient is None]
            if unreached or model.compute_dtype == "float16":  # there a small gradient may be 0
                return unreached
            moving = {id(variable) for variable, gradient in zip(variables, gradients) if _size(gradient) != 0}
            still = _still_parts(model, reached | moving)
            if not still or moving <= reached:
                break
            reached |= moving
            for variable, gradient in zip(variables, gradients):
                _move(variable, gradient)
        return [variable for part in still for variable in part]


def compiled_where_long(function: Callable, layer: keras.layers.Layer, steps: int) -> Callable:
    """A function of tensors, compiled if a recurrent layer inside may loop over so many steps of a sequence.

    Eagerly that loop runs in Python, a thousand times slower; everything else runs faster than it compiles.
    """
    recurrent = any(isinstance(inner, keras.layers.RNN) for inner in layer._flatten_layers())
    return tf.function(function, reduce_retracing=True) if recurrent and steps > _LONG else function


def _longest(model: Reconstructor) -> int:
    """The longest side, and so the longest sequence, of anything inside the trained parts."""
    tensors = (
        tensor for part in model.trained_parts for layer in part.layers for tensor in keras.tree.flatten(layer.output)
    )
    return max((side or 1 for tensor in tensors for side in tensor.shape[1:]), default=1)


def _trained(model: Reconstructor) -> list[keras.Variable]:
    return [variable for group in model.optimizer_groups for variable in group.variables]


def _changing(model: Reconstructor) -> Iterator[keras.Variable]:
    """Everything that a step changes, and perhaps more; the frozen encoder is not among it."""
    parts = [*model.trained_parts, *([] if model.discriminator is None else [model.discriminator])]
    return chain(model.image_variables, *(part.variables for part in parts))


def _gradients(model: Reconstructor, batch: Mapping[str, tf.Tensor]) -> Gradients:
    """Gradients of all that is minimised, each term with weight 1, by all that is trained."""
    images = to_unit_range(batch["image"])
    with tf.GradientTape() as tape:
        outputs = model.decode(model.training_code(batch, images), training=True)
        objective = sum(
            _mean(term.loss.call(target_for(images, outputs[term.output]), outputs[term.output]))
            for term in model.comparisons
        )
        objective += sum(_mean(loss) for part in model.trained_parts for loss in part.losses)
        objective += sum(model.penalties(batch))
        if model.adversary is not None:
            objective += _mean(model.adversary.judge(outputs, training=True))
    gradients = tape.gradient(objective, model.trained_variables)
    return gradients if model.adversary is None else [*gradients, *_opposing(model.adversary, images, outputs)]


def _opposing(adversary: Adversary, images: tf.Tensor, outputs: Mapping[str, tf.Tensor]) -> Gradients:
    with tf.GradientTape() as tape:
        objective = _mean(adversary.compare(images, outputs, training=True))
    return tape.gradient(objective, list(adversary.group.variables))


def _mean(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(values, tf.float32))


def _still_parts(model: Reconstructor, moving: set[int]) -> list[Variables]:
    """The kernels of each part none of whose kernels moves."""
    parts: list[Variables] = [[variable] for variable in model.image_variables if variable.trainable]
    parts += [part.trainable_variables for part in model.trained_parts]
    parts += [] if model.adversary is None else [model.adversary.group.variables]
    kernels = [[variable for variable in part if len(variable.shape) > 1] for part in parts]
    return [part for part in kernels if part and not any(id(variable) in moving for variable in part)]


def _size(gradient: tf.Tensor | tf.IndexedSlices | None) -> float:
    """The largest number in a gradient; NaN counts as a size."""
    values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
    return 0.0 if values is None else float(np.max(np.abs(tf.cast(values, tf.float32)), initial=0))


def _move(variable: keras.Variable, gradient: tf.Tensor | tf.IndexedSlices | None) -> None:
    size = _size(gradient)
    if np.isfinite(size) and size > 0:
        step = _STEP * max(1.0, float(np.max(np.abs(variable.numpy()))))
        variable.assign(variable.value - step * tf.cast(tf.convert_to_tensor(gradient), variable.dtype) / size)
