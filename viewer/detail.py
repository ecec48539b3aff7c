"""What the window shows of a selected run, read from its directory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as Pillow

from run_summary import number_or_none, telling_evaluation
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
        message: What could not be read, and why.
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
    message: str = ""


def read_detail(run: Run) -> RunDetail:
    """What is shown of a selected run. What cannot be read is empty, and `message` says why."""
    found: dict[str, Any] = {}
    for read in (_checkpoints, _history, _spec, _figures, _samples):
        try:
            found |= read(run)
        except Exception as error:  # whatever is wrong with a file, all others must be seen
            found.setdefault("message", " ".join(str(error).split()) or type(error).__name__)
    return RunDetail(str(run.path), **found)


def _checkpoints(run: Run) -> dict[str, Any]:
    checkpoints = tuple((checkpoint.step, checkpoint.epoch) for checkpoint in run.checkpoints())
    return {"checkpoints": checkpoints, "best_step": (run.state().best or {}).get("step")}


def _history(run: Run) -> dict[str, Any]:
    return {"history": run.history()}


def _spec(run: Run) -> dict[str, Any]:
    return {"spec": run.resolved_spec()}


def _figures(run: Run) -> dict[str, Any]:
    name, evaluation = telling_evaluation(run)
    figures = {
        metric: tuple(number_or_none(entry.get(part)) for part in ("mean", "std", "baseline"))
        for metric, entry in evaluation.get("metrics", {}).items()
    }
    return {"figures": figures, "evaluation": name or ""}


def _samples(run: Run) -> dict[str, Any]:
    newest = run.newest_samples()
    if newest is None:
        return {}
    try:
        with Pillow.open(newest) as image:
            image.thumbnail((_LARGEST_GRID, _LARGEST_GRID))
            name = f"epoch {int(newest.stem.removeprefix('epoch-'))}"
            return {"samples": np.asarray(image.convert("RGB")), "samples_name": name}
    except Exception as error:
        raise ValueError(f"{newest}: cannot be read as an image ({error})") from None
