"""The discriminator of a spec → an Adversary."""

from collections.abc import Sequence
from typing import Any, cast

import keras

from architectures.features import resize_antialiased
from architectures.layers.output import Output
from architectures.reconstructors.adversary import Adversary
from architectures.reconstructors.terms import WeightedLoss
from builders.feature_builder import build_features
from builders.layer_builder import LayerBuilder
from builders.optimizer_builder import build_optimizer
from builders.spec import Discriminator, Spec
from common.errors import RequestError
from common.registry import DISCRIMINATORS


def build_adversary(
    spec: Spec, term: WeightedLoss, decoder: keras.Model, steps_per_epoch: int, weights: bool, layers: LayerBuilder
) -> Adversary:
    """The adversary of a decoder, in the precision in force.

    Args:
        spec: The experiment; `discriminator` describes the network.
        term: The adversarial term of its loss.
        decoder: Model from a code to images by name.
        steps_per_epoch: Turns durations in epochs into steps.
        weights: False fills a pretrained network inside with random values and loads nothing.
        layers: Builds its layers.

    Raises:
        RequestError: The discriminator cannot be built on the decoder's images.
    """
    record = cast(Discriminator, spec.discriminator)  # a spec with an adversarial term has one
    image = keras.Input(decoder.output[term.output].shape[1:], name="image")
    frozen = []
    if record.backbone is not None:
        features = build_features(record, image.shape[1:], spec.seed, weights, "discriminator", "discriminator.taps")
        frozen = [features.taps_model]
        entering = features.taps_model(image)
        if record.architecture is None:
            entering = [features.fuse_model(entering)]
    else:
        size = record.input_size
        size = (size, size) if isinstance(size, int) else size
        entering = [resize_antialiased(image, size) if size else image]
    if record.architecture is None:
        stack = layers.layers(record.layers, "discriminator", "discriminator.layers")
        outputs = [layers.through(stack, entering[0])]
    else:
        outputs = _heads(spec, entering, layers)
    discriminator = keras.Model(image, outputs, name="discriminator")
    if not discriminator.trainable_variables:
        raise RequestError("discriminator: has nothing to train; add a layer with weights, such as Dense or Conv2D")
    where, choice = "discriminator.optimizer", record.optimizer
    if choice is None:
        where, choice = "training.optimizer", spec.training.optimizer
    optimizer = build_optimizer(choice, steps_per_epoch, where)
    if keras.config.dtype_policy().name == "mixed_float16":
        # Keras does this for the optimizer that `compile` is given. Each side has a scale of its own.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return Adversary(
        discriminator=discriminator,
        optimizer=optimizer,
        kind=record.loss,
        term=term,
        start=record.start.steps(steps_per_epoch),
        last_kernel=_last_kernel(decoder, term.output) if term.loss.adaptive else None,
        frozen_parts=frozen,
    )


def _heads(spec: Spec, entering: Sequence[Any], layers: LayerBuilder) -> list[Any]:
    """The outputs of a ready-made discriminator: one stack on the image, or one on each tap."""
    record = spec.discriminator
    where = f"discriminator.architecture.{record.architecture.name}"
    try:
        head = DISCRIMINATORS.get(record.architecture.name)(**record.architecture.arguments)
    except ValueError as error:
        raise RequestError(f"{where}: {error}") from error
    return [
        layers.through(layers.layers(head.layers(tuple(tensor.shape[1:])), f"discriminator_{number}", where), tensor)
        for number, tensor in enumerate(entering)
    ]


def _last_kernel(decoder: keras.Model, output: str) -> keras.Variable:
    """The kernel nearest to one of the decoder's images, where gradients of its losses are compared."""
    if output == "image":
        layers = [layer for layer in decoder.layers if not isinstance(layer, Output)]
    else:
        layers = [decoder.get_layer(output)]
    for layer in reversed(layers):
        kernels = [variable for variable in layer.trainable_variables if len(variable.shape) > 1]
        if kernels:
            return kernels[-1]
    raise RequestError(
        f"loss: an adaptive weight is measured at the decoder's last kernel, and nothing on the way to '{output}' has "
        "one; set adaptive: false"
    )
