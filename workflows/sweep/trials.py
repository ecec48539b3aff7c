"""Handing out trials: each to one process, and those of a killed process to the next that asks."""

from dataclasses import dataclass
from typing import Any

import filelock
import optuna
from optuna.trial import FrozenTrial, TrialState

from builders.spec import Spec
from workflows.sweep.folder import SweepFolder
from workflows.sweep.space import SearchSpace
from workflows.sweep.storage import add_trial, draw

# How many trials random and tpe try, where the spec does not say.
_DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class Taken:
    """A trial that this process works on, for as long as it holds the lock.

    Args:
        trial: The trial, with all its values.
        values: Path → value for the spec.
        lock: Released when the trial has ended, or when the process does.
        continued: Whether another process began it.
    """

    trial: optuna.Trial
    values: dict[str, Any]
    lock: filelock.BaseFileLock
    continued: bool


class Trials:
    """The trials of a sweep.

    Args:
        folder: The sweep's folder.
        study: Its storage.
        spec: The sweep's spec.
        space: Its search space.
    """

    def __init__(self, folder: SweepFolder, study: optuna.Study, spec: Spec, space: SearchSpace):
        self._folder = folder
        self._study = study
        self._spec = spec
        self._space = space
        self.count = trial_count(spec, space)

    def take(self) -> Taken | None:
        """A trial to work on: one whose process is gone, or a new one; None where neither is left.

        The trial's lock tells whether its process is gone: the system releases it even after SIGKILL.
        """
        with self._folder.lock():
            trials = self._study.get_trials(deepcopy=False)
            for trial in trials:
                if trial.state == TrialState.RUNNING and (lock := self._folder.take_trial(trial.number)):
                    # It may have ended, and its lock been released, since the trials were read.
                    if self._study.get_trials(deepcopy=False)[trial.number].state == TrialState.RUNNING:
                        return self._taken(trial, lock, continued=True)
                    lock.release()
            number = len(trials)
            if number < self.count and (lock := self._folder.take_trial(number)):
                params = draw(self._study, self._spec, self._space)
                if params is not None:
                    add_trial(self._study, self._space, params)
                    added = self._study.get_trials(deepcopy=False)[number]
                    return self._taken(added, lock, continued=False)
                lock.release()
        return None

    def others_at_work(self) -> bool:
        """Whether other processes still work on trials."""
        return any(trial.state == TrialState.RUNNING for trial in self._study.get_trials(deepcopy=False))

    def _taken(self, trial: FrozenTrial, lock: filelock.BaseFileLock, continued: bool) -> Taken:
        values = self._space.values(trial.params)
        return Taken(optuna.Trial(self._study, trial._trial_id), values, lock, continued)


def trial_count(spec: Spec, space: SearchSpace) -> int:
    """How many trials the sweep has in all."""
    sweep = spec.sweep
    wanted = sweep.trials if sweep is not None else None
    if sweep is not None and sweep.sampler == "grid":
        return min(wanted or space.grid_size, space.grid_size)
    trials = wanted or _DEFAULT_TRIALS
    return trials if space.size is None else min(trials, space.size)
