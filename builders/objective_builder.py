"""Loss terms and metrics of a spec → objects that measure images."""

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from architectures.backbones.base import ArgumentError
from architectures.losses.adversarial import Adversarial
from architectures.metrics.metric import AnyMetric, Metric, SetMetric
from architectures.reconstructors.terms import WeightedLoss
from builders.precision import dtype_policy
from builders.reasons import reason
from builders.spec import Choice, Spec
from common.errors import RequestError
from common.registry import LOSSES, METRICS


def build_terms(spec: Spec, images: Mapping[str, keras.KerasTensor], steps_per_epoch: int, weights: bool) -> list:
    """The terms of the loss, the adversarial one among them.

    Args:
        spec: The experiment.
        images: The decoder's images by name.
        steps_per_epoch: Turns durations in epochs into steps.
        weights: False fills pretrained networks inside losses with random values and loads nothing.

    Returns:
        WeightedLoss for each term, in the spec's order.

    Raises:
        RequestError: A loss refuses its arguments, or cannot take images of this size.
    """
    terms = []
    for name, term in spec.loss.items():
        where = f"loss.{name}"
        entry = LOSSES.get(term.loss.name)
        try:
            loss = entry(**_arguments(term.loss, weights), name=where)
        except Exception as error:
            raise RequestError(f"{where}: {reason(error)}") from error
        if not isinstance(loss, Adversarial):  # that one looks at logits
            _try_on(loss.call, images[term.output].shape[1:], where, term.loss)
        terms.append(WeightedLoss(name, loss, term.weight, term.start.steps(steps_per_epoch), term.output))
    return terms


def build_metrics(spec: Spec, image_shape: Sequence[int], weights: bool) -> dict[str, AnyMetric]:
    """Name → metric. Networks inside them compute in float32, so that a figure means the same on every machine.

    Raises:
        RequestError: A metric refuses its arguments, or cannot take images of this size.
    """
    metrics = {}
    with dtype_policy("float32"):
        for index, choice in enumerate(spec.metrics):
            where = f"metrics.{index}.{choice.name}"
            try:
                metric = METRICS.get(choice.name)(**_arguments(choice, weights))
            except Exception as error:
                raise RequestError(f"{where}: {reason(error)}") from error
            _try_on(_on_a_pair(metric), image_shape, where, choice)
            metrics[choice.name] = metric
    return metrics


def _arguments(choice: Choice, weights: bool) -> dict:
    """The choice's arguments; where no weights are to be loaded, those of a network inside are random."""
    arguments = dict(choice.arguments)
    if isinstance(arguments.get("weights"), str) and not weights:
        arguments["weights"] = "none"
    return arguments


def _on_a_pair(metric: Metric | SetMetric) -> Callable:
    """What measures one pair of images; a set metric takes each side apart."""
    return metric if isinstance(metric, Metric) else lambda images, _: metric.summary().add(images)


def _try_on(measure: Callable, shape: Sequence[int], where: str, choice: Choice) -> None:
    """Calls a loss or metric once, so that images it cannot take are found before training."""
    try:
        measure(tf.zeros((1, *shape)), tf.zeros((1, *shape)))
    except ArgumentError as error:  # of the network inside, whose name is the only key
        raise RequestError(
            f"{where}.backbone.{next(iter(choice.arguments['backbone']))}.{error.argument}: {error}"
        ) from error
    except Exception as error:  # of Keras or TensorFlow, as well as our own
        raise RequestError(f"{where}: {reason(error)}") from error
