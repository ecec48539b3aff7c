"""Trains the runs of one trial, one after the other, each in its own process."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from builders.spec import SpecErrors
from run_directory.run import Run
from workflows.sweep.results import SweepProgress
from workflows.sweep.study import Taken, Trials
from workflows.training.stopping import Interrupted, caught
from workflows.training.trackers.tracker import GROUP

_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_HISTORIES = 1.0
# Exit statuses of a training that a signal stopped, after saving or before it began. Not SIGKILL, which a system sends
# that is out of memory.
_INTERRUPTED = (129, 130, 143, -1, -2, -15)


class TrainingProcess:
    """A running training in its own process.

    Args:
        process: The process.
        child: The same, if this process has started it.
    """

    def __init__(self, process: psutil.Process, child: subprocess.Popen | None = None):
        self._process = process
        self._child = child

    @classmethod
    def start(cls, command: Sequence[str], run: Run, log: Path) -> "TrainingProcess":
        """Starts to train a run.

        Args:
            command: The command; the run's path is added.
            run: The run.
            log: Receives the output.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            # In another session, so that Ctrl-C reaches only the sweep, which then stops the training once.
            child = subprocess.Popen(
                [*command, str(run.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, GROUP: run.path.parent.name},
            )
        return cls(psutil.Process(child.pid), child)

    @classmethod
    def find(cls, record: Mapping[str, Any] | None) -> "TrainingProcess | None":
        """The process that `record` describes, if it runs on this machine."""
        if record is None or record["host"] != socket.gethostname():
            return None
        try:
            process = psutil.Process(record["pid"])
            # The number may have been reused; two seconds for clocks that are adjusted.
            return cls(process) if abs(process.create_time() - record["born"]) < 2 else None
        except psutil.Error:
            return None

    @property
    def record(self) -> dict[str, Any]:
        """Identifies this process, with its host and start time."""
        return {"pid": self._process.pid, "host": socket.gethostname(), "born": self._process.create_time()}

    def is_alive(self) -> bool:
        """Whether it is still running."""
        if self._child is not None:
            return self._child.poll() is None
        with contextlib.suppress(psutil.Error):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    @property
    def exit_status(self) -> int | None:
        """Its exit status, if this process has started it and it has ended; negative for a signal."""
        return self._child.poll() if self._child is not None else None

    def stop(self, at_once: bool = False) -> None:
        """Asks it to save and stop; with `at_once`, after a first request, to stop without saving."""
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if self.is_alive():
                os.kill(self._process.pid, signal.SIGINT if at_once else signal.SIGTERM)


class StopSignals:
    """Counts requests to stop, so that they do not interrupt writing.

    Attributes:
        count: Number of requests.
        number: Signal number of the first.
    """

    def __init__(self) -> None:
        self.count = 0
        self.number: int = signal.SIGINT

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Counts requests while the context is open."""
        with caught(self._note):
            yield

    def _note(self, number: int) -> None:
        if not self.count:
            self.number = number
        self.count += 1


class TrialFailed(Exception):
    """A trial cannot finish; the message gives the reason."""


class TrialPruned(Exception):
    """The pruner stopped a trial."""


class SweepStopped(Interrupted):
    """The sweep was asked to stop; its trial is saved and goes on at the next call."""


@dataclass
class Execution:
    """Trains the runs of one trial, continuing those that have begun.

    Args:
        trials: The trials of the sweep.
        taken: The trial; its user attributes name its runs and the training process.
        trainer: The command that trains; the run's path is added.
        signals: Requests to stop.
        progress: Receives the state of the runs.
    """

    trials: Trials
    taken: Taken
    trainer: Sequence[str]
    signals: StopSignals
    progress: SweepProgress

    def __post_init__(self) -> None:
        self._reported = set(self.trials.all()[self.taken.trial.number].intermediate_values)

    def value(self, execution: int) -> float:
        """The objective of one run of the trial, from 0.

        Raises:
            TrialFailed: The training ended before its last epoch.
            TrialPruned: The pruner stopped it.
            SweepStopped: A signal requested it.
            RequestError: The history lacks the objective's column.
        """
        run = self._run(execution)
        self.progress.begin_run(run, execution)
        while not is_finished(run):
            self._train(run, prunes=execution == 0)
        self._look(run, prunes=execution == 0)
        value = self.trials.objective.of_run(run.history())
        if value is None:
            raise TrialFailed(f"no epoch has a finite {self.trials.objective.column}")
        return value

    def _run(self, execution: int) -> Run:
        """The run of an execution, created where the trial has none yet."""
        names = list(self.taken.trial.user_attrs.get("runs", ()))
        run = self.trials.folder.run(names[execution]) if execution < len(names) else None
        if run is not None and run.spec_path.is_file() and run.resolved_spec():
            return run
        try:
            loaded = self.trials.folder.trial_spec(self.taken.values, execution)
        except SpecErrors as error:
            raise TrialFailed(str(error.problems[0])) from None
        if run is not None and run.path.is_dir():
            run.write_spec(loaded)
            return run
        run = self.trials.folder.new_run(loaded)
        names[execution : execution + 1] = [run.path.name]  # replaces a deleted one
        self.taken.trial.set_user_attr("runs", names)
        return run

    def _train(self, run: Run, prunes: bool) -> None:
        """One training session, until its process ends."""
        if self.signals.count:
            raise self._stopped()
        process = TrainingProcess.find(self.taken.trial.user_attrs.get("process"))
        if process is None and not run.is_locked():
            if run.state().status == "failed":
                raise TrialFailed(run.state().message or "its training failed")
            # A killed sweep may not have asked the pruner yet.
            self._look(run, prunes)
            process = TrainingProcess.start(self.trainer, run, self.trials.folder.log_path(run))
            self.taken.trial.set_user_attr("process", process.record)
        self._follow(run, process, prunes)
        status = process.exit_status if process is not None else None
        # If another training locked the run first, ours has ended, and the other is waited for.
        if status is None or is_finished(run) or run.is_locked():
            return
        if status in _INTERRUPTED:
            raise SweepStopped("", abs(status) % 128)
        raise TrialFailed(_reason(run, status, self.trials.folder.log_path(run)))

    def _follow(self, run: Run, process: TrainingProcess | None, prunes: bool) -> None:
        """Waits for a training to end, and stops it on a signal or when it is pruned."""
        asked, looked = 0, 0.0
        # A process on another machine is known only by its lock, and cannot be stopped from here.
        while process.is_alive() if process is not None else run.is_locked():
            if self.signals.count > asked:
                asked = self.signals.count
                if process is None:
                    raise self._stopped()
                process.stop(at_once=asked > 1)
            if not asked and time.monotonic() - looked >= _SECONDS_BETWEEN_HISTORIES:
                looked = time.monotonic()
                try:
                    self._look(run, prunes and process is not None)
                except TrialPruned:
                    _end(process)
                    raise
            time.sleep(_SECONDS_BETWEEN_LOOKS if process is not None else _SECONDS_BETWEEN_HISTORIES)
        if asked and not is_finished(run):
            raise self._stopped()

    def _stopped(self) -> SweepStopped:
        return SweepStopped("", self.signals.number)

    def _look(self, run: Run, prunes: bool) -> None:
        """Shows the newest epoch and reports epochs to the pruner. Raises TrialPruned where that stops the trial."""
        state = run.state()
        series = self.trials.objective.series(run.history())
        self.progress.epoch(state.epoch, state.epochs, series[-1][1] if series else None)
        if not prunes:
            return
        # Also those of a finished run: later trials are compared with them.
        for epoch, value in series:
            if epoch not in self._reported:
                self.taken.trial.report(value, epoch)
                self._reported.add(epoch)
        if self.taken.trial.should_prune() and not is_finished(run):
            raise TrialPruned


def _end(process: TrainingProcess | None) -> None:
    """Stops a training and waits until it has saved."""
    while process is not None and process.is_alive():
        process.stop()
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def is_finished(run: Run) -> bool:
    """Whether a run has finished, also if its process ended before it recorded that."""
    state = run.state()
    epochs = run.resolved_spec().get("training", {}).get("epochs")
    return state.status == "finished" or (epochs is not None and state.epoch >= epochs)


def _reason(run: Run, status: int, log: Path) -> str:
    """Why a training failed, in one line."""
    state = run.state()
    if state.status == "failed" and state.message:
        return state.message
    if status < 0:
        return f"its training was ended by signal {-status}, perhaps because memory ran out"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return last or f"its training ended with exit status {status} before its last epoch"
