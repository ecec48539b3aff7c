"""Choices of a spec → Keras optimizers with their schedules."""

from collections.abc import Mapping
from typing import Any

import keras

from builders.layer_builder import as_choice
from builders.reasons import reason
from builders.spec import Choice, Duration, parse_duration
from common.errors import RequestError
from common.registry import OPTIMIZERS


def steps_of(value: Any, steps_per_epoch: int) -> Any:
    """A duration as Keras wants it, in steps: `15 epochs`, `200 steps`, a Duration or a plain number of steps."""
    if isinstance(value, list | tuple):
        return [steps_of(item, steps_per_epoch) for item in value]
    return parse_duration(value).steps(steps_per_epoch) if isinstance(value, str | Duration) else value


def build_schedule(choice: Choice, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """A learning-rate schedule by its Keras class name; durations become steps."""
    arguments = {
        key: steps_of(value, steps_per_epoch) if key.endswith("_steps") or key == "boundaries" else value
        for key, value in choice.arguments.items()
    }
    return getattr(keras.optimizers.schedules, choice.name)(**arguments)


def build_optimizer(choice: Choice, steps_per_epoch: int, where: str) -> keras.optimizers.Optimizer:
    """An optimizer by its Keras class name, or one of ours.

    Args:
        choice: The class and its arguments; `learning_rate` may be a schedule `{CosineDecay: {…}}`.
        steps_per_epoch: Turns durations in epochs into steps.
        where: Path in the spec, for the error.

    Raises:
        RequestError: Keras refuses an argument's value.
    """
    arguments = dict(choice.arguments)
    rate = arguments.get("learning_rate")
    try:
        if isinstance(rate, Mapping):
            arguments["learning_rate"] = build_schedule(as_choice(rate), steps_per_epoch)
        elif isinstance(rate, int):
            arguments["learning_rate"] = float(rate)  # Keras takes no 1 for 1.0
        own = choice.name in OPTIMIZERS
        return (OPTIMIZERS.get(choice.name) if own else getattr(keras.optimizers, choice.name))(**arguments)
    except Exception as error:  # whatever a Keras class raises, the spec's arguments caused it
        raise RequestError(f"{where}.{choice.name}: {reason(error)}") from error
