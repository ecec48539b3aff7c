"""The search space: `sweep.parameters` of a spec → what Optuna draws from, and back."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from builders.errors import RequestError
from builders.spec import Sweep, SweepParameter

# Points of a grid are rounded to so many digits: 0.000215443 rather than 0.00021544346900318823.
_DIGITS = 6


@dataclass(frozen=True)
class Parameter:
    """The values that one path of the spec may take.

    Args:
        path: Such as `training.optimizer.Adam.learning_rate`.
        distribution: What Optuna draws from.
        points: The grid's points as Optuna stores them; None for a range without steps.
        encoded: Whether Optuna stores values as JSON text, because it takes no mappings and lists.
    """

    path: str
    distribution: BaseDistribution
    points: tuple[Any, ...] | None
    encoded: bool = False

    def value(self, stored: Any) -> Any:
        """What the spec gets for what Optuna stores."""
        return json.loads(stored) if self.encoded else stored


class SearchSpace:
    """All parameters of a sweep.

    Args:
        sweep: The checked section of the spec.
    """

    def __init__(self, sweep: Sweep):
        self.parameters = tuple(_parameter(path, given) for path, given in sweep.parameters.items())
        self.names = _short_names([parameter.path for parameter in self.parameters])

    @property
    def grid_size(self) -> int:
        """How many combinations the grid has."""
        return math.prod(len(parameter.points or ()) for parameter in self.parameters)

    def combination(self, number: int) -> dict[str, Any]:
        """The grid's combination of a number from 0; the last parameter changes fastest.

        Returns:
            Path → value as Optuna stores it.
        """
        chosen = {}
        for parameter in reversed(self.parameters):
            points = parameter.points or ()
            number, index = divmod(number, len(points))
            chosen[parameter.path] = points[index]
        return dict(reversed(chosen.items()))

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Gives a trial those values that it lacks, drawn by the study's sampler.

        Returns:
            Path → value for the spec, of all parameters.
        """
        for parameter in self.parameters:
            distribution = parameter.distribution
            if isinstance(distribution, CategoricalDistribution):
                trial.suggest_categorical(parameter.path, distribution.choices)
            elif isinstance(distribution, IntDistribution):
                trial.suggest_int(parameter.path, distribution.low, distribution.high)
            elif isinstance(distribution, FloatDistribution):
                trial.suggest_float(parameter.path, distribution.low, distribution.high, log=distribution.log)
        return self.values(trial.params)

    def values(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Path → value for the spec, of what Optuna stores; those that are there."""
        return {
            parameter.path: parameter.value(stored[parameter.path])
            for parameter in self.parameters
            if parameter.path in stored
        }


def value_text(value: Any, most: int = 40) -> str:
    """A value as tables and pictures show it: four digits of a number, `{l1: 0.8, ssim: 0.2}`."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(map(value_text, value)) + "]"
    elif isinstance(value, float):
        text = f"{value:.4g}"
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _parameter(path: str, given: SweepParameter) -> Parameter:
    if given.values is not None:
        # Text tells 1, 1.0 and true apart, which are one value to Optuna.
        choices = tuple(dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in given.values))
        return Parameter(path, CategoricalDistribution(choices), choices, encoded=True)
    if given.integer is not None:
        first, last = given.integer
        return Parameter(path, IntDistribution(first, last), _whole_points(first, last, given.steps))
    bounds, log = given.log or given.linear, given.log is not None
    if bounds is None:
        raise RequestError(f"sweep.parameters.{path}: says no values; give values, log, linear or int")
    low, high = bounds
    return Parameter(path, FloatDistribution(low, high, log=log), _points(low, high, given.steps, log))


def _points(low: float, high: float, steps: int | None, log: bool) -> tuple[float, ...] | None:
    if steps is None:
        return None
    shares = [index / (steps - 1) for index in range(1, steps - 1)]
    inner = [low * (high / low) ** share if log else low + (high - low) * share for share in shares]
    ends = [high] if steps > 1 else []
    rounded = [min(max(float(f"{point:.{_DIGITS}g}"), low), high) for point in inner]
    return tuple(dict.fromkeys([low, *rounded, *ends]))


def _whole_points(low: int, high: int, steps: int | None) -> tuple[int, ...]:
    if steps is None:
        return tuple(range(low, high + 1))
    if steps == 1:
        return (low,)
    return tuple(dict.fromkeys(round(low + (high - low) * index / (steps - 1)) for index in range(steps)))


def _short_names(paths: list[str]) -> dict[str, str]:
    """Path → the shortest end of it that is no other path's end as well, and no bare number."""
    names = {}
    for path in paths:
        parts = path.split(".")
        ends = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        others = [f".{other}" for other in paths if other != path]
        names[path] = next(
            (end for end in ends if not end.isdecimal() and not any(o.endswith(f".{end}") for o in others)), path
        )
    return names
