"""Working on one trial: its runs are trained one after the other, each by a process of its own."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna

from builders.spec import SpecErrors
from run_directory.run import Run
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.process import StopSignals, TrainingProcess
from workflows.sweep.progress import SweepProgress
from workflows.sweep.trial_spec import trial_spec
from workflows.training.stopping import Interrupted

_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_HISTORIES = 1.0
# Exit statuses of a training that a signal stopped: saved, or gone before it had begun. Not SIGKILL, which comes from
# a system without memory.
_INTERRUPTED = (129, 130, 143, -1, -2, -15)


class TrialFailed(Exception):
    """A trial cannot end; the message says why."""


class TrialPruned(Exception):
    """A trial was stopped because it is hopeless."""


class SweepStopped(Interrupted):
    """The sweep was asked to stop; its trial is saved and goes on with the next call."""


class Execution:
    """Trains the runs of one trial, from where they stand.

    Args:
        folder: The sweep's folder.
        objective: What a run counts with.
        trial: The trial, with all its values; its user attributes name its runs and the process that trains.
        values: Path → value for the spec.
        trainer: The command that trains; the run's path is added.
        signals: Requests to stop.
        progress: Shows how far it is.
    """

    def __init__(
        self,
        folder: SweepFolder,
        objective: Objective,
        trial: optuna.Trial,
        values: Mapping[str, Any],
        trainer: Sequence[str],
        signals: StopSignals,
        progress: SweepProgress,
    ):
        self._folder = folder
        self._objective = objective
        self._trial = trial
        self._values = values
        self._trainer = trainer
        self._signals = signals
        self._progress = progress
        self._reported = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def value(self, execution: int) -> float:
        """The objective of one run of the trial, from 0.

        Raises:
            TrialFailed: The training ended before its last epoch.
            TrialPruned: It was stopped because it is hopeless.
            SweepStopped: A signal asked for it.
            RequestError: The history lacks the objective's column.
        """
        run = self._run(execution)
        self._progress.begin_run(run, execution)
        while not is_finished(run):
            self._train(run, prunes=execution == 0)
        self._look(run, prunes=execution == 0)
        value = self._objective.of_run(run.history())
        if value is None:
            raise TrialFailed(f"no epoch has a finite {self._objective.column}")
        return value

    def _run(self, execution: int) -> Run:
        """The run of an execution, made where the trial has none yet."""
        names = list(self._trial.user_attrs.get("runs", ()))
        run = self._folder.run(names[execution]) if execution < len(names) else None
        if run is not None and run.spec_path.is_file() and run.resolved_spec():
            return run
        try:
            loaded = trial_spec(self._folder, self._values, execution)
        except SpecErrors as error:
            raise TrialFailed(str(error.problems[0])) from None
        if run is not None and run.path.is_dir():
            run.write_spec(loaded)
            return run
        run = self._folder.new_run(loaded)
        names[execution : execution + 1] = [run.path.name]  # in the place of one that was deleted
        self._trial.set_user_attr("runs", names)
        return run

    def _train(self, run: Run, prunes: bool) -> None:
        """One sitting of a training, until its process ends."""
        if self._signals.count:
            raise self._stopped()
        process = TrainingProcess.find(self._trial.user_attrs.get("process"))
        if process is None and not run.is_locked():
            if run.state().status == "failed":
                raise TrialFailed(run.state().message or "its training failed")
            # A sweep that was killed may have left the decision open.
            self._look(run, prunes)
            process = TrainingProcess.start(self._trainer, run, self._folder.log_path(run))
            self._trial.set_user_attr("process", process.record)
        self._follow(run, process, prunes)
        status = process.exit_status if process is not None else None
        # Where another training was quicker to take hold of the run, ours gave way and that one is waited for.
        if status is None or is_finished(run) or run.is_locked():
            return
        if status in _INTERRUPTED:
            raise SweepStopped("", abs(status) % 128)
        raise TrialFailed(_reason(run, status, self._folder.log_path(run)))

    def _follow(self, run: Run, process: TrainingProcess | None, prunes: bool) -> None:
        """Waits for a training to end, and stops it on a signal or where it is hopeless."""
        asked, looked = 0, 0.0
        # A process on another machine is known only by the lock that it holds, and cannot be stopped from here.
        while process.is_alive() if process is not None else run.is_locked():
            if self._signals.count > asked:
                asked = self._signals.count
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
        return SweepStopped("", self._signals.number)

    def _look(self, run: Run, prunes: bool) -> None:
        """Shows the newest epoch and reports epochs to the pruner. Raises TrialPruned where it says so."""
        state = run.state()
        series = self._objective.series(run.history())
        self._progress.epoch(state.epoch, state.epochs, series[-1][1] if series else None)
        if not prunes:
            return
        # Those of the last epoch too: later trials are compared with them.
        for epoch, value in series:
            if epoch not in self._reported:
                self._trial.report(value, epoch)
                self._reported.add(epoch)
        if self._trial.should_prune() and not is_finished(run):
            raise TrialPruned


def _end(process: TrainingProcess | None) -> None:
    """Stops a training and waits until it has saved."""
    while process is not None and process.is_alive():
        process.stop()
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def is_finished(run: Run) -> bool:
    """Whether a run has finished, also where its process ended before it could say so."""
    state = run.state()
    epochs = run.resolved_spec().get("training", {}).get("epochs")
    return state.status == "finished" or (epochs is not None and state.epoch >= epochs)


def _reason(run: Run, status: int, log: Path) -> str:
    """Why a training failed, in one line."""
    state = run.state()
    if state.status == "failed" and state.message:
        return state.message
    if status < 0:
        return f"its training was ended by signal {-status}, perhaps for want of memory"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return said or f"its training ended with exit status {status} before its last epoch"
