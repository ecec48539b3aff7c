"""What the window shows of a selected run, read from its directory, which may come from a stranger."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from builders.spec.nodes import leaves
from common.files import open_regular
from common.formatting import printable
from run_directory.run import Run
from run_directory.summary import number_or_none, telling_evaluation

_LARGEST_GRID = 1600
# More than any run of ours has; a window that shows more of somebody else's would stand still.
_MOST_BYTES, _MOST_PIXELS = 64 << 20, 64_000_000
_MOST_COLUMNS, _MOST_FIGURES = 200, 60
# Where a PNG says how large it is: after its signature, and the length and name of its first chunk.
_PNG_SIZE = struct.Struct(">16xII")


@dataclass(frozen=True)
class RunDetail:
    """What is shown of a run that is selected.

    Args:
        path: The run's directory.
        history: Column → one number per finished epoch, NaN where an epoch lacks it.
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
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
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
            found.setdefault("message", printable(" ".join(str(error).split())) or type(error).__name__)
    return RunDetail(str(run.path), **found)


def _checkpoints(run: Run) -> dict[str, Any]:
    checkpoints = tuple((checkpoint.step, checkpoint.epoch) for checkpoint in run.checkpoints())
    return {"checkpoints": checkpoints, "best_step": (run.state().best or {}).get("step")}


def _history(run: Run) -> dict[str, Any]:
    columns = list(run.history().items())[:_MOST_COLUMNS]
    return {"history": {name: [_number(value) for value in values] for name, values in columns}}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):  # none, a text, or an integer of 400 digits
        return math.nan


def _spec(run: Run) -> dict[str, Any]:
    spec = run.resolved_spec()
    try:
        list(leaves(spec))
    except RecursionError:
        raise ValueError("spec.resolved.json is nested too deeply") from None
    return {"spec": spec}


def _figures(run: Run) -> dict[str, Any]:
    name, evaluation = telling_evaluation(run)
    figures = {
        metric: tuple(number_or_none(entry.get(part)) for part in ("mean", "std", "baseline"))
        for metric, entry in list(evaluation.get("metrics", {}).items())[:_MOST_FIGURES]
    }
    return {"figures": figures, "evaluation": name or ""}


def _samples(run: Run) -> dict[str, Any]:
    newest = run.newest_samples()
    if newest is None:
        return {}
    try:
        with open_regular(newest, _MOST_BYTES) as file:
            width, height = _PNG_SIZE.unpack(file.read(_PNG_SIZE.size).ljust(_PNG_SIZE.size, b"\0"))
            if width * height > _MOST_PIXELS:
                raise ValueError(f"{width} × {height} pixels are more than a grid of samples has")
            file.seek(0)
            with Pillow.open(file, formats=("PNG",)) as image:
                image.thumbnail((_LARGEST_GRID, _LARGEST_GRID))
                name = f"epoch {int(newest.stem.removeprefix('epoch-'))}"
                return {"samples": np.asarray(image.convert("RGB")), "samples_name": name}
    except Exception as error:
        why = getattr(error, "strerror", None) or ("no PNG" if isinstance(error, UnidentifiedImageError) else error)
        raise ValueError(f"{newest}: cannot be read as an image ({why})") from None
