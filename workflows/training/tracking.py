"""The trackers of a run as one: begun together, written to together, none of which can end a training."""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import Any

import numpy as np

from builders.spec import LoadedSpec, Spec
from common.errors import RequestError, WorkFailed
from common.formatting import printable
from common.patience import in_time
from common.program import installed
from common.registry import TRACKERS
from run_directory.run import Run
from workflows.command_line import complain
from workflows.training.stopping import Interrupted
from workflows.training.trackers.tracker import GROUP, Session, Tracker

# Seconds that a tracker may take for one call; one that hangs must not hold a training.
_PATIENCE = 60.0
_RECORD = "trackers.json"


def check_trackers(spec: Spec) -> None:
    """Raises RequestError where a tracker of a spec lacks its package, or cannot work."""
    seen = set()
    for number, choice in enumerate(spec.logging.trackers):
        place = f"logging.trackers.{number}"
        if choice.name in seen:
            raise RequestError(f"{place}: {choice.name} is there twice; remove one")
        seen.add(choice.name)
        tracker = TRACKERS.get(choice.name)(**choice.arguments)
        if tracker.package and find_spec(tracker.package) is None:
            raise RequestError(f"{place}: {choice.name} needs {tracker.package}: {installed(tracker.extra)}")
        try:
            tracker.check()
        except RequestError as error:
            raise RequestError(f"{place}: {error}") from None


class Tracking:
    """Writes to every tracker of a spec. One that fails is reported once and left out; the training goes on.

    Args:
        run: The run. Its file trackers.json keeps what trackers call it and which steps they have.
        loaded: Its spec.
        step: The steps it has finished.
    """

    def __init__(self, run: Run, loaded: LoadedSpec, step: int = 0):
        self._run = run
        self._trackers: dict[str, Tracker] = {}
        self._record: dict[str, dict[str, Any]] = {
            name: entry
            for name, entry in (run.read_json(_RECORD) or {}).items()
            if isinstance(entry, dict) and isinstance(entry.get("logged", {}), dict)
        }
        for choice in loaded.spec.logging.trackers:
            name, tracker = choice.name, TRACKERS.get(choice.name)(**choice.arguments)
            known = self._record.get(name, {}).get("id")
            known = known if isinstance(known, str) else None
            session = Session(run, step, known, os.environ.get(GROUP), loaded.resolved)
            self._trackers[name] = tracker
            self._begin(name, tracker, session)

    def _begin(self, name: str, tracker: Tracker, session: Session) -> None:
        found: list[str | None] = []
        self._try(name, tracker, lambda: found.append(tracker.start(session)))
        if found and found[0] is not None:
            if found[0] != session.id:
                self._record[name] = {"id": found[0], "logged": {}}
            self._run.write_json(self._record, _RECORD)

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        stopped = isinstance(error, Interrupted | KeyboardInterrupt)
        status = "finished" if error is None else "interrupted" if stopped else "failed"
        results = {"run": str(self._run.path.resolve())}
        try:
            results["best checkpoint"] = str(self._run.checkpoint("best").path.resolve())
        except (RequestError, WorkFailed, OSError):
            results.pop("best checkpoint", None)
        for name, tracker in list(self._trackers.items()):
            self._try(name, tracker, lambda tracker=tracker: tracker.finish(status, results))  # type: ignore[misc]

    def scalars(self, figures: Mapping[str, float], step: int) -> None:
        """Writes named figures at a step; they are on disk or sent when this returns."""
        self._each(f"scalars {' '.join(sorted(figures)[:1])}", step, lambda tracker: tracker.scalars(figures, step))

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """Writes a picture, float [height, width, channels] in [0, 1]."""
        self._each(f"image {name}", step, lambda tracker: tracker.image(name, picture, step))

    def histograms(self, variables: Mapping[str, np.ndarray], step: int) -> None:
        """Writes a histogram of each array."""
        first = " ".join(sorted(variables)[:1])
        self._each(f"histograms {first}", step, lambda tracker: tracker.histograms(variables, step))

    def _each(self, what: str, step: int, work: Callable[[Tracker], None]) -> None:
        """Does something with every tracker that has not seen this step of it."""
        for name, tracker in list(self._trackers.items()):
            if tracker.erases:
                self._try(name, tracker, lambda tracker=tracker: work(tracker))  # type: ignore[misc]
                continue
            logged = self._record.setdefault(name, {}).setdefault("logged", {})
            last = logged.get(what)
            if isinstance(last, int) and last >= step:
                continue
            if self._try(name, tracker, lambda tracker=tracker: work(tracker)):  # type: ignore[misc]
                logged[what] = step
                self._run.write_json(self._record, _RECORD)

    def _try(self, name: str, tracker: Tracker, work: Callable[[], None]) -> bool:
        """Whether some work succeeded; a tracker whose work fails is left out from here on."""
        try:
            if tracker.erases:  # on this machine, and with TensorFlow's own state
                work()
            else:
                in_time(work, _PATIENCE)
            return True
        except WorkFailed:  # the run is gone, which is more than a tracker's trouble
            raise
        except Exception as error:  # libraries raise errors of any type
            self._trackers.pop(name, None)
            reason = printable(" ".join(f"{error}".split()))[:200] or type(error).__name__
            complain(f"{name}: nothing more is logged there ({reason}); the training goes on")
            return False
