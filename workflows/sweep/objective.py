"""The objective of a sweep: one number of a run, from its history."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from builders.spec import Spec
from builders.spec.catalogue import load_catalogue
from common.errors import RequestError

# Columns that do not measure quality.
_NOT_OBJECTIVES = ("epoch", "step", "seconds", "images_per_second", "learning_rate")


@dataclass(frozen=True)
class Objective:
    """A column of the history, of which a run's best epoch counts.

    Args:
        column: Such as `val_psnr`.
        direction: Which values are better, in Optuna's words.
    """

    column: str
    direction: Literal["minimize", "maximize"]

    @classmethod
    def of(cls, spec: Spec) -> "Objective":
        """The objective of a spec: `sweep.objective`, or else `training.monitor`."""
        named = spec.sweep.objective if spec.sweep is not None else None
        column = named or spec.training.monitor
        metric = column.removeprefix("val_")
        # The column may also be a loss term with the name of a metric that the spec does not measure.
        measured = metric in [choice.name for choice in spec.metrics]
        entry = load_catalogue().entry("metric", metric) if measured else None
        largest = entry is not None and entry.facts.get("direction") == "max"
        return cls(column, "maximize" if largest else "minimize")

    def is_better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.direction == "maximize" else value < other

    def series(self, history: Mapping[str, Sequence]) -> list[tuple[int, float]]:
        """(epoch from 1, value) of the epochs that have a finite one."""
        return self._series(history, self._column_in(history))

    def of_run(self, history: Mapping[str, Sequence]) -> float | None:
        """The best value of a finished run; None where no epoch has a finite one.

        Raises:
            RequestError: The history has no such column.
        """
        column = self._column_in(history)
        if column not in history:
            there = ", ".join(name for name in history if name not in _NOT_OBJECTIVES)
            raise RequestError(
                f"sweep.objective: the history has no column '{self.column}'; there are {there}. Name one of them and "
                "begin again with --reset"
            )
        values = [value for _, value in self._series(history, column)]
        if not values:
            return None
        return max(values) if self.direction == "maximize" else min(values)

    def _column_in(self, history: Mapping[str, Sequence]) -> str:
        """The column; that of training steps where there is no validation split."""
        validated = any(name.startswith("val_") for name in history)
        return self.column if self.column in history or validated else self.column.removeprefix("val_")

    @staticmethod
    def _series(history: Mapping[str, Sequence], column: str) -> list[tuple[int, float]]:
        pairs = zip(history.get("epoch", []), history.get(column, []))
        return [(int(epoch), float(value)) for epoch, value in pairs if value is not None and math.isfinite(value)]
