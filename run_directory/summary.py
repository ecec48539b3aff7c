"""A run in one row: how far it is, and how well it does. Light: the viewer's window and `cli.py runs` share it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from run_directory.run import Run
from run_directory.state import RunState


@dataclass(frozen=True)
class RunSummary:
    """See the module. Figures are None where they were not measured.

    Args:
        path: The run's directory.
        name: The spec's name.
        status: created, training, interrupted, finished, failed or unreadable.
        epoch: Finished epochs.
        epochs: Epochs in all.
        monitor: The figure that decides which checkpoint is best.
        best: Its best value.
        psnr: Mean in dB of the newest evaluation, of test images where there is one.
        ssim: Its mean SSIM.
        evaluation: Which evaluation that was: `test-best`.
        started: UTC in ISO 8601.
        updated: UTC in ISO 8601.
        seconds_left: Of training, by the pace so far; None where it does not train, or has not finished a step.
        message: Why it failed or stopped.
    """

    path: str
    name: str
    status: str
    epoch: int = 0
    epochs: int | None = None
    monitor: str | None = None
    best: float | None = None
    psnr: float | None = None
    ssim: float | None = None
    evaluation: str | None = None
    started: str = ""
    updated: str = ""
    seconds_left: float | None = None
    message: str = ""

    @property
    def lives(self) -> bool:
        """Whether a process works on it."""
        return self.status in ("created", "training")

    @property
    def short(self) -> str:
        """The name and the four letters that distinguish runs of one spec."""
        letters = self.path.replace("\\", "/").rstrip("/").rpartition("-")[2]
        return f"{self.name} · {letters}" if len(letters) == 4 else self.name


def summarise(run: Run) -> RunSummary:
    """The row of a run; for one that cannot be read, a row that says so."""
    try:
        return _summary(run)
    except Exception as error:  # whatever is wrong with one run, the others must be shown
        return RunSummary(str(run.path), run.path.parent.name, "unreadable", message=str(error))


def _summary(run: Run) -> RunSummary:
    state = run.state()
    name, evaluation = headline_evaluation(run)
    figures = evaluation.get("metrics", {})
    best = state.best or {}
    return RunSummary(
        path=str(run.path),
        name=str(run.resolved_spec().get("name") or run.path.parent.name),
        status=state.status,
        epoch=state.epoch,
        epochs=state.epochs,
        monitor=best.get("monitor"),
        best=number_or_none(best.get("value")),
        psnr=number_or_none(figures.get("psnr", {}).get("mean")),
        ssim=number_or_none(figures.get("ssim", {}).get("mean")),
        evaluation=name,
        started=state.started,
        updated=state.updated,
        seconds_left=_seconds_left(state),
        message=state.message,
    )


def headline_evaluation(run: Run) -> tuple[str | None, Mapping[str, Any]]:
    """The run's headline evaluation and its name; prefers the test split at the best checkpoint."""
    evaluations = run.evaluations()
    name = next((name for name in ("test-best", "test-last", *evaluations) if name in evaluations), None)
    return name, evaluations[name] if name else {}


def number_or_none(value: Any) -> float | None:
    """A figure as it was kept. Raises TypeError or ValueError where it is not a number."""
    return None if value is None else float(value)


def _seconds_left(state: RunState) -> float | None:
    if state.status != "training" or not state.step or not state.epochs or not state.steps_per_epoch:
        return None
    since = 0.0
    with contextlib.suppress(ValueError, TypeError):
        since = (datetime.now(UTC) - datetime.fromisoformat(state.updated)).total_seconds()
    whole = state.epochs * state.steps_per_epoch
    return max(0.0, (whole - state.step) * state.seconds / state.step - max(0.0, since))
