"""What the window shows of a selected run, read from its directory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as Pillow

from run_summary import telling_evaluation
from runs import Run

_LARGEST_GRID = 1600


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


def read_detail(run: Run) -> RunDetail:
    """What is shown of a selected run; empty where nothing can be read."""
    path = str(run.path)
    try:
        name, evaluation = telling_evaluation(run)
        samples, samples_name = _samples(run)
        best = run.state().best or {}
        return RunDetail(
            path=path,
            history=run.history(),
            spec=run.resolved_spec(),
            figures={
                metric: (entry.get("mean"), entry.get("std"), entry.get("baseline"))
                for metric, entry in evaluation.get("metrics", {}).items()
            },
            evaluation=name or "",
            samples=samples,
            samples_name=samples_name,
            checkpoints=tuple((checkpoint.step, checkpoint.epoch) for checkpoint in run.checkpoints()),
            best_step=best.get("step"),
        )
    except Exception:  # whatever is wrong with one run, the others must be seen
        return RunDetail(path)


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
