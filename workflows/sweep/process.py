"""The process that trains a run: started by this sweep, or found at work although its sweep is gone."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from run_directory.run import Run
from workflows.training.stopping import caught


class TrainingProcess:
    """A training at work in a process of its own.

    Args:
        process: The process.
        child: The same, where this process has started it.
    """

    def __init__(self, process: psutil.Process, child: subprocess.Popen | None = None):
        self._process = process
        self._child = child

    @classmethod
    def start(cls, command: Sequence[str], run: Run, log: Path) -> "TrainingProcess":
        """Starts to train a run.

        Args:
            command: What trains; the run's path is added.
            run: The run.
            log: What the training prints goes here.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            # In a session of its own Ctrl-C reaches only the sweep, which then stops the training once.
            child = subprocess.Popen(
                [*command, str(run.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(psutil.Process(child.pid), child)

    @classmethod
    def find(cls, record: Mapping[str, Any] | None) -> "TrainingProcess | None":
        """The process that `record` describes, if it lives on this machine."""
        if record is None or record["host"] != socket.gethostname():
            return None
        try:
            process = psutil.Process(record["pid"])
            # Another process may have got the number since; two seconds for clocks that are set.
            return cls(process) if abs(process.create_time() - record["born"]) < 2 else None
        except psutil.Error:
            return None

    @property
    def record(self) -> dict[str, Any]:
        """What distinguishes this process from all others."""
        return {"pid": self._process.pid, "host": socket.gethostname(), "born": self._process.create_time()}

    def is_alive(self) -> bool:
        """Whether it is still at work."""
        if self._child is not None:
            return self._child.poll() is None
        with contextlib.suppress(psutil.Error):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    @property
    def exit_status(self) -> int | None:
        """How it ended, where this process has started it; the number of a signal is negative."""
        return self._child.poll() if self._child is not None else None

    def stop(self, at_once: bool = False) -> None:
        """Asks it to save and stop; with `at_once` after having asked, to stop without saving."""
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if self.is_alive():
                os.kill(self._process.pid, signal.SIGINT if at_once else signal.SIGTERM)


class StopSignals:
    """Counts requests to stop, instead of letting them break off what is being written.

    Attributes:
        count: How many there were.
        number: The signal of the first.
    """

    def __init__(self) -> None:
        self.count = 0
        self.number: int = signal.SIGINT

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Counts those that come meanwhile."""
        with caught(self._note):
            yield

    def _note(self, number: int) -> None:
        if not self.count:
            self.number = number
        self.count += 1
