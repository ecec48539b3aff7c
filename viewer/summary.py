"""What the window shows of a run, read from its directory."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import Image as Pillow

from builders.errors import RequestError
from runs import Run, RunState

_LARGEST_GRID = 1600


@dataclass(frozen=True)
class RunRow:
    """A run in the list. Figures are None where they were not measured.

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
        started: UTC in ISO 8601.
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
    started: str = ""
    seconds_left: float | None = None
    message: str = ""

    @property
    def lives(self) -> bool:
        """Whether a process works on it."""
        return self.status in ("created", "training")

    @property
    def short(self) -> str:
        """The name and the four letters that tell runs of one spec apart."""
        letters = self.path.replace("\\", "/").rstrip("/").rpartition("-")[2]
        return f"{self.name} · {letters}" if len(letters) == 4 else self.name


@dataclass(frozen=True)
class RunDetail:
    """What is shown of a run that is selected.

    Args:
        path: The run's directory.
        history: Column → one value per finished epoch, None where an epoch lacks it.
        spec: The resolved spec.
        figures: Metric → (mean, standard deviation, the same figure for mean colours) of the evaluation.
        evaluation: Which evaluation that was, such as `test-best`.
        samples: The newest grid of samples, uint8 [height, width, 3].
        samples_name: Which one that is, such as `epoch 12`.
        checkpoints: Steps that can be shown, oldest first, with the epochs finished by then.
        best_step: The step of the best one.
    """

    path: str
    history: Mapping[str, Sequence] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)
    evaluation: str = ""
    samples: np.ndarray | None = None
    samples_name: str = ""
    checkpoints: tuple[tuple[int, int], ...] = ()
    best_step: int | None = None


def read_row(run: Run) -> RunRow:
    """The row of a run; of one that cannot be read, a row that says so."""
    path = str(run.path)
    try:
        state = run.state()
        name = str(run.resolved_spec().get("name") or run.path.parent.name)
        _, figures = _chosen(run)
    except (RequestError, OSError, ValueError, TypeError) as error:
        return RunRow(path, run.path.parent.name, "unreadable", message=str(error))
    best = state.best or {}
    return RunRow(
        path=path,
        name=name,
        status=state.status,
        epoch=state.epoch,
        epochs=state.epochs,
        monitor=best.get("monitor"),
        best=best.get("value"),
        psnr=figures.get("psnr", {}).get("mean"),
        ssim=figures.get("ssim", {}).get("mean"),
        started=state.started,
        seconds_left=_seconds_left(state),
        message=state.message,
    )


def read_detail(run: Run) -> RunDetail:
    """What is shown of a selected run; empty where nothing can be read."""
    path = str(run.path)
    try:
        name, figures = _chosen(run)
        samples, samples_name = _samples(run)
        best = run.state().best or {}
        return RunDetail(
            path=path,
            history=run.history(),
            spec=run.resolved_spec(),
            figures={
                metric: (entry.get("mean"), entry.get("std"), entry.get("baseline"))
                for metric, entry in figures.items()
            },
            evaluation=name,
            samples=samples,
            samples_name=samples_name,
            checkpoints=tuple((checkpoint.step, checkpoint.epoch) for checkpoint in run.checkpoints()),
            best_step=best.get("step"),
        )
    except (RequestError, OSError, ValueError, TypeError):
        return RunDetail(path)


def _chosen(run: Run) -> tuple[str, Mapping[str, Any]]:
    """The evaluation that says most, and its metrics."""
    evaluations = run.evaluations()
    for name in ("test-best", "test-last", *evaluations):
        if name in evaluations:
            return name, evaluations[name].get("metrics", {})
    return "", {}


def _seconds_left(state: RunState) -> float | None:
    if state.status != "training" or not state.step or not state.epochs or not state.steps_per_epoch:
        return None
    since = 0.0
    with contextlib.suppress(ValueError, TypeError):
        since = (datetime.now(UTC) - datetime.fromisoformat(state.updated)).total_seconds()
    whole = state.epochs * state.steps_per_epoch
    return max(0.0, (whole - state.step) * state.seconds / state.step - max(0.0, since))


def _samples(run: Run) -> tuple[np.ndarray | None, str]:
    newest = run.newest_samples()
    if newest is None:
        return None, ""
    try:
        with Pillow.open(newest) as image:
            image.thumbnail((_LARGEST_GRID, _LARGEST_GRID))
            return np.asarray(image.convert("RGB")), f"epoch {int(newest.stem.rpartition('-')[2])}"
    except Exception:  # a grid that is damaged is not shown; the run's figures still are
        return None, ""
