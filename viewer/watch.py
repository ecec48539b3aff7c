"""Follows the runs on disk, in a thread of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from run_directory.run import Run, find_run_paths
from run_directory.summary import RunSummary, summarise
from viewer.detail import RunDetail, read_detail
from viewer.faults import print_fault

# Looking at thousands of runs takes a while: of the time between two looks it may take a twentieth.
_PAUSE = 1.0
_SHARE = 20


@dataclass(frozen=True)
class Seen:
    """What was on disk at one look.

    Args:
        rows: All runs.
        details: Path → what is shown of a run that was asked for.
        complete: False until all runs have been read for the first time.
    """

    rows: tuple[RunSummary, ...] = ()
    details: dict[str, RunDetail] = field(default_factory=dict)
    complete: bool = False


class RunsWatcher:
    """Reads what has changed, again and again.

    Args:
        runs_dir: Where the runs are.
        wake: Called, from the thread, when something has changed.
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
        self.seen = Seen()

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stop = True
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def want(self, paths: Sequence[str]) -> None:
        """Which runs to read in detail."""
        if tuple(paths) != self._wanted:
            self._wanted = tuple(paths)
            self._hurry.set()

    def look(self) -> bool:
        """Looks once; whether anything has changed."""
        changed = False
        found = find_run_paths(self._runs_dir)
        for path in [path for path in self._rows if path not in found]:
            del self._rows[path]
            changed = True
        for count, path in enumerate(sorted(found, key=lambda path: path.name, reverse=True)):
            stamp = Run(path).stamp()
            known = self._rows.get(path)
            # Of a run at work the process may have died, and its time left runs down, without a trace on disk.
            if known is None or known[0] != stamp or known[1].lives:
                row = summarise(Run(path))
                changed |= known is None or known[1] != row
                self._rows[path] = (stamp, row)
            if not self._complete and count % 200 == 199:
                self._publish()  # a long list appears piece by piece
                self._wake()
            if self._stop:
                return changed
        changed |= self._look_closer()
        changed |= not self._complete
        self._complete = True
        if changed:
            self._publish()
        return changed

    def _look_closer(self) -> bool:
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
        self.seen = Seen(
            tuple(row for _, row in self._rows.values()),
            {path: detail for path, (_, detail) in self._details.items()},
            self._complete,
        )

    def _follow(self) -> None:
        while not self._stop:
            began = time.perf_counter()
            try:
                changed = self.look()
            except OSError:  # a folder that vanishes between two looks at it
                changed = False
            except Exception as error:  # a list that stands still without a word would be worse
                changed = False
                if str(error) != self._said:
                    self._said = str(error)
                    print_fault(error)
            if changed:
                self._wake()
            pause = max(_PAUSE, _SHARE * (time.perf_counter() - began))
            if self._hurry.wait(pause):
                self._hurry.clear()
