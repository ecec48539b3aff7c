"""The search space: `sweep.parameters` of a spec → Optuna's distributions, and values back to the spec."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from builders.spec import Sweep, SweepParameter
from builders.spec.conditions import When, combinations, holds, in_order
from common.errors import RequestError

# Digits of the points of a grid: 0.000215443 instead of 0.00021544346900318823.
_DIGITS = 6


@dataclass(frozen=True)
class Parameter:
    """The values that one path of the spec may take.

    Args:
        path: Such as `training.optimizer.Adam.learning_rate`.
        distribution: Optuna's distribution.
        points: The grid's points as Optuna stores them; None for a range without steps.
        encoded: Whether Optuna stores values as JSON text, because it takes no mappings and lists.
        when: Condition under which it exists: path of other parameters → their values; None: always.
    """

    path: str
    distribution: BaseDistribution
    points: Sequence[Any] | None
    encoded: bool = False
    when: When = None

    @property
    def options(self) -> Sequence[Any] | None:
        """All values that Optuna may draw, as it stores them; None for a continuous range."""
        if isinstance(self.distribution, IntDistribution):
            return range(self.distribution.low, self.distribution.high + 1)
        return self.distribution.choices if isinstance(self.distribution, CategoricalDistribution) else None

    def stored(self, value: Any) -> Any:
        """A value of the spec as Optuna stores it."""
        return _encoded(value) if self.encoded else value

    def value(self, stored: Any) -> Any:
        """A stored value as the spec takes it."""
        return json.loads(stored) if self.encoded else stored


class SearchSpace:
    """All parameters of a sweep.

    Args:
        sweep: The checked section of the spec.
    """

    def __init__(self, sweep: Sweep):
        self.parameters = tuple(_parameter(path, given) for path, given in sweep.parameters.items())
        self.names = _short_names([parameter.path for parameter in self.parameters])
        self._conditions = {parameter.path: parameter.when for parameter in self.parameters}
        self._points = {parameter.path: parameter.points or () for parameter in self.parameters}

    @property
    def grid_size(self) -> int:
        """Number of combinations of the grid."""
        return self._count(self._points)

    @property
    def size(self) -> int | None:
        """Number of combinations that `suggest` may draw; None for a continuous range."""
        options = self._options()
        return None if options is None else self._count(options)

    def combination(self, number: int) -> dict[str, Any]:
        """The grid's combination of a number from 0; the last parameter changes fastest. Path → value as stored."""
        return self._combination(number, self._points)

    def untried(self, tried: Collection[str], start: int) -> dict[str, Any] | None:
        """An untried combination; None where all were tried, or for a continuous range.

        Args:
            tried: `key` of each tried combination.
            start: Number of the combination to begin the search with.
        """
        options, size = self._options(), self.size
        if options is None or size is None:
            return None
        # Among one more combination than were tried, one is new.
        numbers = ((start + index) % size for index in range(min(size, len(tried) + 1)))
        found = (self._combination(number, options) for number in numbers)
        return next((combination for combination in found if self.key(combination) not in tried), None)

    @staticmethod
    def key(stored: Mapping[str, Any]) -> str:
        """A text that identifies a combination of stored values."""
        return json.dumps(stored, sort_keys=True)

    def _options(self) -> dict[str, Sequence[Any]] | None:
        """Path → the values that `suggest` draws from; None where a range is continuous."""
        options = {parameter.path: parameter.options for parameter in self.parameters}
        if any(drawn is None for drawn in options.values()):
            return None
        return {path: drawn for path, drawn in options.items() if drawn is not None}

    def _blocks(self) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """(stored values of parameters that others depend on, the others that exist with them)."""
        deciders = {path for when in self._conditions.values() for path in when or ()}
        conditions = {path: when for path, when in self._conditions.items() if path in deciders}
        by_path = {parameter.path: parameter for parameter in self.parameters}
        values = {path: [by_path[path].value(stored) for stored in self._points[path]] for path in conditions}
        for chosen in combinations(conditions, values):
            others = [path for path in by_path if path not in deciders and holds(self._conditions[path], chosen)]
            yield {path: by_path[path].stored(value) for path, value in chosen.items()}, others

    def _count(self, options: Mapping[str, Sequence[Any]]) -> int:
        return sum(math.prod(len(options[path]) for path in others) for _, others in self._blocks())

    def _combination(self, number: int, options: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        for chosen, others in self._blocks():
            count = math.prod(len(options[path]) for path in others)
            if number < count:
                for path in reversed(others):
                    number, index = divmod(number, len(options[path]))
                    chosen[path] = options[path][index]
                return {path: chosen[path] for path in self._conditions if path in chosen}
            number -= count
        raise IndexError(number)

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Draws the missing values of a trial by the study's sampler. Path → value for the spec."""
        by_path = {parameter.path: parameter for parameter in self.parameters}
        for parameter in (by_path[path] for path in in_order(self._conditions)):
            distribution = parameter.distribution
            if not holds(parameter.when, self.values(trial.params)):
                continue
            if isinstance(distribution, CategoricalDistribution):
                trial.suggest_categorical(parameter.path, distribution.choices)
            elif isinstance(distribution, IntDistribution):
                trial.suggest_int(parameter.path, distribution.low, distribution.high)
            elif isinstance(distribution, FloatDistribution):
                trial.suggest_float(parameter.path, distribution.low, distribution.high, log=distribution.log)
        return self.values(trial.params)

    def values(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Path → value for the spec, of stored values."""
        return {
            parameter.path: parameter.value(stored[parameter.path])
            for parameter in self.parameters
            if parameter.path in stored
        }


def value_text(value: Any, most: int = 40) -> str:
    """A value for tables and pictures: numbers with four digits, `{l1: 0.8, ssim: 0.2}`."""
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
        # Text distinguishes 1, 1.0 and true, which are one value to Optuna.
        choices = tuple(dict.fromkeys(map(_encoded, given.values)))
        return Parameter(path, CategoricalDistribution(choices), choices, True, given.when)
    if given.integer is not None:
        first, last = given.integer
        whole = _whole_points(first, last, given.steps)
        return Parameter(path, IntDistribution(first, last), whole, when=given.when)
    bounds, log = given.log or given.linear, given.log is not None
    if bounds is None:
        raise RequestError(f"sweep.parameters.{path}: has no values; give values, log, linear or int")
    low, high = bounds
    points = _points(low, high, given.steps, log)
    return Parameter(path, FloatDistribution(low, high, log=log), points, when=given.when)


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _points(low: float, high: float, steps: int | None, log: bool) -> tuple[float, ...] | None:
    if steps is None:
        return None
    shares = [index / (steps - 1) for index in range(1, steps - 1)]
    inner = [low * (high / low) ** share if log else low + (high - low) * share for share in shares]
    ends = [high] if steps > 1 else []
    rounded = [min(max(float(f"{point:.{_DIGITS}g}"), low), high) for point in inner]
    return tuple(dict.fromkeys([low, *rounded, *ends]))


def _whole_points(low: int, high: int, steps: int | None) -> Sequence[int]:
    if steps is None:
        return range(low, high + 1)
    if steps == 1:
        return (low,)
    return tuple(dict.fromkeys(round(low + (high - low) * index / (steps - 1)) for index in range(steps)))


def _short_names(paths: list[str]) -> dict[str, str]:
    """Path → its shortest ending that is unique and not a bare number."""
    names = {}
    for path in paths:
        parts = path.split(".")
        ends = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        others = [f".{other}" for other in paths if other != path]
        names[path] = next(
            (end for end in ends if not end.isdecimal() and not any(o.endswith(f".{end}") for o in others)), path
        )
    return names
