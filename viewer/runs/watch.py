"""Follows the runs on disk in its own thread, and reads selected runs in detail."""

import math
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from builders.spec.nodes import leaves
from common.errors import print_traceback
from common.files import open_regular
from common.formatting import printable
from run_directory.run import Run, find_run_paths
from run_directory.summary import RunSummary, headline_evaluation, number_or_none, summarise

_LARGEST_GRID = 1600
# Limits for runs of strangers, above what any of our runs has, so that the window never blocks.
_MOST_BYTES, _MOST_PIXELS = 64 << 20, 64_000_000
_MOST_COLUMNS, _MOST_FIGURES = 200, 60
# Width and height in a PNG: after the signature, and the length and name of the first chunk.
_PNG_SIZE = struct.Struct(">16xII")


@dataclass(frozen=True)
class RunDetail:
    """Details of a selected run.

    Args:
        path: The run's directory.
        history: Column → one number per finished epoch, NaN where an epoch lacks it.
        spec: The resolved spec.
        figures: Metric → (mean, standard deviation, baseline of mean colours) of the evaluation.
        metric_words: Metric → its `label` and `unit`, where the run recorded them.
        evaluation: Name of the evaluation, such as `test-best`.
        samples: The newest grid of samples, uint8 [height, width, 3].
        samples_name: Its name, such as `epoch 12`.
        checkpoints: (step, finished epochs) of each checkpoint, oldest first.
        best_step: Step of the best one.
        message: What could not be read, and why.
    """

    path: str
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)
    metric_words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    evaluation: str = ""
    samples: np.ndarray | None = None
    samples_name: str = ""
    checkpoints: tuple[tuple[int, int], ...] = ()
    best_step: int | None = None
    message: str = ""


def read_detail(run: Run) -> RunDetail:
    """Reads the details of a run. What cannot be read is empty, and `message` reports why."""
    found: dict[str, Any] = {}
    for read in (_checkpoints, _history, _spec, _figures, _samples):
        try:
            found |= read(run)
        except Exception as error:  # a damaged file must not hide the others
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
    except (TypeError, ValueError, OverflowError):  # None, a text, or an integer of 400 digits
        return math.nan


def _spec(run: Run) -> dict[str, Any]:
    spec = run.resolved_spec()
    try:
        list(leaves(spec))
    except RecursionError:
        raise ValueError("spec.resolved.json is nested too deeply") from None
    return {"spec": spec}


def _figures(run: Run) -> dict[str, Any]:
    name, evaluation = headline_evaluation(run)
    entries = dict(list(evaluation.get("metrics", {}).items())[:_MOST_FIGURES])
    figures = {
        metric: tuple(number_or_none(entry.get(part)) for part in ("mean", "std", "baseline"))
        for metric, entry in entries.items()
    }
    words = {
        metric: {key: entry[key] for key in ("label", "unit") if key in entry} for metric, entry in entries.items()
    }
    return {"figures": figures, "metric_words": words, "evaluation": name or ""}


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


# Seconds between two scans, and at least so many times the seconds of a scan, which grow with the number of runs.
_PAUSE = 1.0
_SHARE = 20


@dataclass(frozen=True)
class RunsSnapshot:
    """The runs on disk at one scan.

    Args:
        rows: All runs.
        details: Path → details of a requested run.
        complete: False until all runs have been read for the first time.
    """

    rows: tuple[RunSummary, ...] = ()
    details: dict[str, RunDetail] = field(default_factory=dict)
    complete: bool = False


class RunsWatcher:
    """Scans the runs again and again, and reads what has changed.

    Args:
        runs_dir: Where the runs are.
        wake: Called from the thread when something has changed.
    """

    def __init__(self, runs_dir: str, wake: Callable[[], None]):
        self._runs_dir = Path(runs_dir)
        self._wake = wake
        self._rows: dict[Path, tuple[tuple[int, ...], RunSummary]] = {}
        self._details: dict[str, tuple[tuple[int, ...], RunDetail]] = {}
        self._wanted: tuple[str, ...] = ()
        self._hurry = threading.Event()
        self._stop = False
        self._complete = False
        self._said = ""
        self._thread = threading.Thread(target=self._follow, name="runs-watcher", daemon=True)
        self.snapshot = RunsSnapshot()

    def start(self) -> None:
        """Starts scanning."""
        self._thread.start()

    def stop(self) -> None:
        """Stops scanning."""
        self._stop = True
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def want(self, paths: Sequence[str]) -> None:
        """Requests details of some runs."""
        if tuple(paths) != self._wanted:
            self._wanted = tuple(paths)
            self._hurry.set()

    def scan(self) -> bool:
        """Scans once; returns whether anything has changed."""
        changed = False
        found = find_run_paths(self._runs_dir)
        for path in [path for path in self._rows if path not in found]:
            del self._rows[path]
            changed = True
        for count, path in enumerate(sorted(found, key=lambda path: path.name, reverse=True)):
            stamp = Run(path).stamp()
            known = self._rows.get(path)
            # A running run's process may die, and its time left changes, without any file changing.
            if known is None or known[0] != stamp or known[1].lives:
                row = summarise(Run(path))
                changed |= known is None or known[1] != row
                self._rows[path] = (stamp, row)
            if not self._complete and count % 200 == 199:
                self._publish()  # a long list appears in parts
                self._wake()
            if self._stop:
                return changed
        changed |= self._scan_details()
        changed |= not self._complete
        self._complete = True
        if changed:
            self._publish()
        return changed

    def _scan_details(self) -> bool:
        changed = False
        details = {}
        for path in self._wanted:
            stamp = self._rows[Path(path)][0] if Path(path) in self._rows else ()
            known = self._details.get(path)
            if known is None or known[0] != stamp:
                known = (stamp, read_detail(Run(path)))
                changed = True
            details[path] = known
        changed |= details.keys() != self._details.keys()
        self._details = details
        return changed

    def _publish(self) -> None:
        self.snapshot = RunsSnapshot(
            tuple(row for _, row in self._rows.values()),
            {path: detail for path, (_, detail) in self._details.items()},
            self._complete,
        )

    def _follow(self) -> None:
        while not self._stop:
            began = time.perf_counter()
            try:
                changed = self.scan()
            except OSError:  # a folder was removed during the scan
                changed = False
            except Exception as error:  # a silently frozen list would be worse
                changed = False
                if str(error) != self._said:
                    self._said = str(error)
                    print_traceback(error)
            if changed:
                self._wake()
            pause = max(_PAUSE, _SHARE * (time.perf_counter() - began))
            if self._hurry.wait(pause):
                self._hurry.clear()
