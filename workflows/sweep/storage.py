"""Optuna's storage of a sweep, and what chooses and stops trials."""

import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from builders.spec import Spec
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace

# Optuna's random choices and Hyperband's brackets depend on it, so it must never change.
_STUDY = "sweep"
# A draw that was tried before is repeated so often; then the next combination that was not is taken.
_MOST_DRAWS = 20


def open_study(folder: SweepFolder, objective: Objective, pruner: BasePruner | None = None) -> optuna.Study:
    """The sweep's study, made if there is none. The caller holds the folder's lock.

    Args:
        folder: Where it lies.
        objective: Its direction.
        pruner: What stops hopeless trials. Unset: nothing does.
    """
    optuna.logging.set_verbosity(logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)
    lock = _SystemLock(folder.journal_lock(), folder.journal_path)
    backend = JournalFileBackend(str(folder.journal_path), lock_obj=lock)  # type: ignore[arg-type]
    return optuna.create_study(
        storage=JournalStorage(backend),
        study_name=_STUDY,
        direction=objective.direction,
        sampler=RandomSampler(),
        pruner=pruner or NopPruner(),
        load_if_exists=True,
    )


def draw(study: optuna.Study, spec: Spec, space: SearchSpace) -> dict[str, Any] | None:
    """The values of the next trial, as Optuna stores them; None where every combination was tried.

    The caller holds the folder's lock. `random` and `tpe` draw again what was tried before.
    """
    trials = study.get_trials(deepcopy=False)
    tried = {space.key(trial.params) for trial in trials}
    number = len(trials)
    if spec.sweep is not None and spec.sweep.sampler == "grid":
        return space.combination(number) if number < space.grid_size else None
    if space.size is not None and space.size <= len(tried):
        return None
    # On a copy, so that a process which is killed while it draws leaves no half of a trial.
    copy = optuna.create_study(study_name=_STUDY, direction=study.direction, pruner=study.pruner)
    copy.add_trials(trials)
    drawn: dict[str, Any] = {}
    for attempt in range(_MOST_DRAWS):
        copy.sampler = sampler_for(spec, number, attempt)
        trial = copy.ask()
        space.suggest(trial)
        drawn = trial.params
        if space.key(drawn) not in tried:
            return drawn
        copy.tell(trial, state=TrialState.FAIL)
    return space.untried(tried, start=_seed(spec, number)) or drawn


def add_trial(study: optuna.Study, space: SearchSpace, params: Mapping[str, Any]) -> None:
    """Begins a trial with values as Optuna stores them."""
    distributions = {item.path: item.distribution for item in space.parameters if item.path in params}
    study.add_trial(create_trial(state=TrialState.RUNNING, params=dict(params), distributions=distributions))


def sampler_for(spec: Spec, number: int, attempt: int = 0) -> BaseSampler:
    """What draws the values of a trial, counted from 0.

    It is made for each trial, from the spec's seed and the trial's number: several processes never draw the same, and
    a sweep that was stopped goes on as it would have.
    """
    seed = _seed(spec, number, attempt)
    learns = spec.sweep is not None and spec.sweep.sampler == "tpe"
    return TPESampler(seed=seed) if learns else RandomSampler(seed=seed)


def _seed(spec: Spec, number: int, attempt: int = 0) -> int:
    # Without the first attempt's 0, which older sweeps do not know.
    return int(np.random.SeedSequence([spec.seed, number, *([attempt] if attempt else [])]).generate_state(1)[0])


def pruner_for(spec: Spec, space: SearchSpace) -> BasePruner:
    """What stops hopeless trials, by their values after each epoch."""
    pruner = spec.sweep.pruner if spec.sweep is not None else "none"
    if pruner == "none":
        return NopPruner()
    if pruner == "median":
        return MedianPruner()
    swept = [item.distribution for item in space.parameters if item.path == "training.epochs"]
    epochs = max((int(getattr(distribution, "high", 0)) for distribution in swept), default=0)
    return HyperbandPruner(max_resource=max(epochs, spec.training.epochs))


class _SystemLock:
    """Guards the storage by a lock of the system, which ends with its process.

    Optuna's own lock files outlive a killed process, and then delay all others by half a minute.
    """

    def __init__(self, lock: filelock.BaseFileLock, journal: Path):
        self._lock = lock
        self._journal = journal

    def acquire(self) -> bool:
        """Waits for the lock, then cuts off half a line that a machine left when it went down."""
        self._lock.acquire()
        with open(self._journal, "rb+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Gives the lock back."""
        self._lock.release()
