"""Which epoch is best, when to stop early, and which checkpoints stay: all from the history."""

from collections.abc import Mapping, Sequence
from typing import Any

from architectures.reconstructors.base import Reconstructor
from builders.spec import Spec
from builders.spec.checks.objective import Measured, history_columns
from common.errors import RequestError


class Monitor:
    """Follows one column of the history.

    Args:
        spec: The experiment; `training.monitor` names the column.
        model: Its reconstructor, which knows each metric's direction.
        has_validation: Whether there are `val_` columns. Without them `val_loss`, the default, becomes `loss`.

    Raises:
        RequestError: No such column.
    """

    def __init__(self, spec: Spec, model: Reconstructor, has_validation: bool):
        self._spec = spec
        self.column = spec.training.monitor
        if not has_validation and self.column.startswith("val_"):
            self.column = self.column.removeprefix("val_")
        metrics = {name: Measured(item.in_training, item.every_step) for name, item in model.metrics_by_name.items()}
        columns = history_columns((term.name for term in model.loss_terms), metrics, has_validation)
        if self.column not in columns:
            raise RequestError(f"training.monitor: no column '{self.column}'; expected one of {', '.join(columns)}")
        metric = model.metrics_by_name.get(self.column.removeprefix("val_"))
        self._sign = -1.0 if metric is not None and metric.direction == "max" else 1.0

    def _ranked(self, history: Mapping[str, Sequence]) -> list[tuple[float, int]]:
        """(value to minimise, step) of every epoch, best first; of equals the earlier."""
        values = history.get(self.column, [])
        pairs = [
            (self._sign * value, step) for value, step in zip(values, history.get("step", [])) if value is not None
        ]
        return sorted(pair for pair in pairs if pair[0] == pair[0])

    def best(self, history: Mapping[str, Sequence]) -> dict[str, Any] | None:
        """`{"step", "monitor", "value"}` of the best epoch, or None before the first."""
        ranked = self._ranked(history)
        if not ranked:
            return None
        value, step = ranked[0]
        return {"step": step, "monitor": self.column, "value": self._sign * value}

    def should_stop(self, history: Mapping[str, Sequence], steps_per_epoch: int) -> bool:
        """Whether the column has not improved for `early_stopping.patience`."""
        early = self._spec.training.early_stopping
        if early is None:
            return False
        measured = self._measured(history)
        if not measured or measured[-1][1] != history["step"][-1]:
            return False
        best, since = float("inf"), 0
        for value, step in measured:
            if value < best - early.minimum_improvement:
                best, since = value, step
        return measured[-1][1] - since >= early.patience.steps(steps_per_epoch)

    def reductions(self, history: Mapping[str, Sequence], steps_per_epoch: int) -> int:
        """How often the column has not improved for `reduce_on_plateau.patience`, counted anew after each time."""
        plateau = self._spec.training.reduce_on_plateau
        if plateau is None:
            return 0
        best, since, count = float("inf"), 0, 0
        for value, step in self._measured(history):
            if value < best - plateau.minimum_improvement:
                best, since = value, step
            elif step - since >= plateau.patience.steps(steps_per_epoch):
                since, count = step, count + 1
        return count

    def _measured(self, history: Mapping[str, Sequence]) -> list[tuple[float, int]]:
        """(value to minimise, step) of the epochs that were measured, in their order.

        Not every epoch is measured where images have to be searched for: the others decide nothing.
        """
        pairs = zip(history.get(self.column, []), history.get("step", []))
        return [(self._sign * value, step) for value, step in pairs if value is not None]

    def kept_steps(self, history: Mapping[str, Sequence], steps: Sequence[int]) -> set[int]:
        """Which of the checkpoints at `steps` stay: the best by the column and the newest."""
        keep = self._spec.training.checkpoints
        on_disk = set(steps)
        best = [step for _, step in self._ranked(history) if step in on_disk]
        return {*best[: keep.keep_best], *sorted(on_disk)[-keep.keep_last :]}
