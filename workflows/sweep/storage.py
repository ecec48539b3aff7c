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

from builders.spec import Spec
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace

# Optuna's random choices and Hyperband's brackets depend on it, so it must never change.
_STUDY = "sweep"


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


def sampler_for(spec: Spec, space: SearchSpace, number: int) -> BaseSampler:
    """What chooses the values of a trial, counted from 0.

    It is made anew for each trial, from the spec's seed and the trial's number: several processes never draw the same,
    and a sweep that was stopped goes on as it would have.
    """
    sampler = spec.sweep.sampler if spec.sweep is not None else "grid"
    if sampler == "grid":
        return _Fixed(space.combination(number))
    seed = int(np.random.SeedSequence([spec.seed, number]).generate_state(1)[0])
    return RandomSampler(seed=seed) if sampler == "random" else TPESampler(seed=seed)


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


class _Fixed(BaseSampler):
    """Gives a trial the values that were chosen for it.

    Optuna's own grid sampler may give two processes the same combination.
    """

    def __init__(self, values: Mapping[str, Any]):
        self._values = values

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Nothing is drawn together."""
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Nothing is drawn together."""
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """The value chosen for a parameter."""
        return self._values[param_name]


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
