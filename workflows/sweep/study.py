"""The trials of a sweep: Optuna's storage, beginning and resuming, and giving each trial to one process."""

import json
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from optuna.trial import FrozenTrial, TrialState, create_trial

from builders.spec import LoadedSpec, Spec
from builders.spec.nodes import leaves
from common.errors import RequestError
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace, value_text

# Values that may change when a sweep goes on, because no trial depends on them.
_MAY_CHANGE = ("name", "description", "expected", "sweep.trials")
# How many trials random and tpe try by default.
_DEFAULT_TRIALS = 20
# Optuna's random choices and Hyperband's brackets depend on this name, so it must never change.
_STUDY = "sweep"
# A combination that was tried before is drawn again up to so often; then an untried one is taken.
_MOST_DRAWS = 20


def begin(
    folder: SweepFolder, loaded: LoadedSpec, path: str | os.PathLike, confirm_reset: Callable[[str], bool] | None
) -> optuna.Study | None:
    """The study of a sweep, new or with its trials so far.

    Args:
        folder: The sweep's folder.
        loaded: Its spec.
        path: The spec's path, for messages.
        confirm_reset: Called with a question; the sweep's trials are forgotten if it returns True.

    Returns:
        The study, or None if `confirm_reset` returned False.

    Raises:
        RequestError: The spec is not the one that the sweep began with.
    """
    folder.make()
    with folder.lock():
        if confirm_reset is not None and not _reset(folder, confirm_reset):
            return None
        _agree(folder, loaded, path)
        spec = loaded.spec
        space = SearchSpace(spec.sweep) if spec.sweep is not None else None
        return open_study(folder, Objective.of(spec), pruner_for(spec, space) if space is not None else None)


def _reset(folder: SweepFolder, confirm: Callable[[str], bool]) -> bool:
    """Forgets the trials after confirmation; returns whether it did."""
    remembered = folder.remembered()
    if remembered is None:
        return True
    trials = open_study(folder, Objective.of(remembered.spec)).get_trials(deepcopy=False)
    held = []
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            lock = folder.take_trial(trial.number)
            if lock is None:
                raise RequestError(f"{folder.path}: another process works on trial {trial.number + 1}; stop it first")
            held.append(lock)
    ended = sum(trial.state.is_finished() for trial in trials)
    counted = f"{len(trials)} trial{'s' * (len(trials) != 1)}"
    forgotten = not trials or confirm(f"{folder.path}: forget {counted}, of which {ended} ended? Their runs stay.")
    if forgotten:
        folder.clear()
    for lock in held:
        lock.release()
    return forgotten


def _agree(folder: SweepFolder, loaded: LoadedSpec, path: str | os.PathLike) -> None:
    """Saves the spec; refuses one that differs from the spec that the sweep began with."""
    began = folder.remembered()
    if began is not None:
        before, now = _values(began), _values(loaded)
        paths = [name for name in dict.fromkeys([*before, *now]) if not name.startswith(_MAY_CHANGE)]
        # As text, because 1 and True, or 1 and 1.0, are equal in Python and not in a spec.
        differing = [name for name in paths if json.dumps(before.get(name)) != json.dumps(now.get(name))]
        if differing:
            shown = ", ".join(f"{name} {_shown(before, name)} → {_shown(now, name)}" for name in differing[:3])
            more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
            raise RequestError(
                f"{path}: differs from the spec that this sweep began with: {shown}{more}; undo that, or begin again "
                "with --reset"
            )
    if began is None or began.merged != loaded.merged:
        folder.remember(loaded)


def _values(loaded: LoadedSpec) -> dict[str, Any]:
    """Path → value; with the order of the parameters, which decides the values of each trial."""
    parameters = loaded.spec.sweep.parameters if loaded.spec.sweep is not None else {}
    return {**dict(leaves(loaded.resolved)), "sweep.parameters": list(parameters)}


def _shown(values: dict[str, Any], name: str) -> str:
    return value_text(values[name]) if name in values else "nothing"


@dataclass(frozen=True)
class Taken:
    """A trial that this process works on while it holds the lock.

    Args:
        trial: The trial, with all its values.
        values: Path → value for the spec.
        lock: Released when the trial or the process has ended.
        continued: Whether another process began it.
    """

    trial: optuna.Trial
    values: dict[str, Any]
    lock: filelock.BaseFileLock
    continued: bool


@dataclass(frozen=True)
class Trials:
    """The trials of a sweep.

    Args:
        folder: The sweep's folder.
        study: Its storage.
        spec: The sweep's spec.
        space: Its search space.
        objective: Its objective.
    """

    folder: SweepFolder
    study: optuna.Study
    spec: Spec
    space: SearchSpace
    objective: Objective

    @property
    def count(self) -> int:
        """How many trials the sweep has in total."""
        sweep = self.spec.sweep
        wanted = sweep.trials if sweep is not None else None
        if sweep is not None and sweep.sampler == "grid":
            return min(wanted or self.space.grid_size, self.space.grid_size)
        trials = wanted or _DEFAULT_TRIALS
        return trials if self.space.size is None else min(trials, self.space.size)

    def all(self) -> list[FrozenTrial]:
        """The trials begun so far, in order of their numbers."""
        return self.study.get_trials(deepcopy=False)

    def ended(self) -> int:
        """How many trials have ended."""
        return sum(trial.state.is_finished() for trial in self.all())

    def take(self) -> Taken | None:
        """A trial to work on: one whose process has died, or a new one; None where neither is left.

        The system releases the lock of a trial when its process dies, even by SIGKILL.
        """
        with self.folder.lock():
            trials = self.all()
            for trial in trials:
                if trial.state == TrialState.RUNNING and (lock := self.folder.take_trial(trial.number)):
                    # It may have ended since the trials were read.
                    if self.all()[trial.number].state == TrialState.RUNNING:
                        return self._taken(trial, lock, continued=True)
                    lock.release()
            number = len(trials)
            if number < self.count and (lock := self.folder.take_trial(number)):
                params = self._draw(trials)
                if params is not None:
                    items = {item.path: item.distribution for item in self.space.parameters if item.path in params}
                    running = create_trial(state=TrialState.RUNNING, params=params, distributions=items)
                    self.study.add_trial(running)
                    return self._taken(self.all()[number], lock, continued=False)
                lock.release()
        return None

    def others_running(self) -> bool:
        """Whether other processes work on trials."""
        return any(trial.state == TrialState.RUNNING for trial in self.all())

    def _draw(self, trials: Sequence[FrozenTrial]) -> dict[str, Any] | None:
        """The values of the next trial, as Optuna stores them; None where every combination was tried."""
        space, number = self.space, len(trials)
        tried = {space.key(trial.params) for trial in trials}
        if self.spec.sweep is not None and self.spec.sweep.sampler == "grid":
            return space.combination(number) if number < space.grid_size else None
        if space.size is not None and space.size <= len(tried):
            return None
        # On a copy, so that a process killed while drawing leaves no incomplete trial.
        copy = optuna.create_study(study_name=_STUDY, direction=self.study.direction, pruner=self.study.pruner)
        copy.add_trials(trials)
        drawn: dict[str, Any] = {}
        for attempt in range(_MOST_DRAWS):
            copy.sampler = sampler_for(self.spec, number, attempt)
            trial = copy.ask()
            space.suggest(trial)
            drawn = trial.params
            if space.key(drawn) not in tried:
                return drawn
            copy.tell(trial, state=TrialState.FAIL)
        return space.untried(tried, start=_seed(self.spec, number)) or drawn

    def _taken(self, trial: FrozenTrial, lock: filelock.BaseFileLock, continued: bool) -> Taken:
        values = self.space.values(trial.params)
        return Taken(optuna.Trial(self.study, trial._trial_id), values, lock, continued)


def open_study(folder: SweepFolder, objective: Objective, pruner: BasePruner | None = None) -> optuna.Study:
    """Opens or creates the sweep's study. The caller holds the folder's lock.

    Args:
        folder: The sweep's folder.
        objective: Its direction.
        pruner: Stops hopeless trials. Unset: none is stopped.
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


def sampler_for(spec: Spec, number: int, attempt: int = 0) -> BaseSampler:
    """The sampler of a trial, counted from 0.

    Its seed depends on the spec's seed and the trial's number alone: several processes draw different values, and an
    interrupted sweep draws the same as an uninterrupted one.
    """
    seed = _seed(spec, number, attempt)
    learns = spec.sweep is not None and spec.sweep.sampler == "tpe"
    return TPESampler(seed=seed) if learns else RandomSampler(seed=seed)


def _seed(spec: Spec, number: int, attempt: int = 0) -> int:
    # Without the 0 of the first attempt, so that older sweeps draw the same.
    return int(np.random.SeedSequence([spec.seed, number, *([attempt] if attempt else [])]).generate_state(1)[0])


def pruner_for(spec: Spec, space: SearchSpace) -> BasePruner:
    """The pruner, which stops hopeless trials by their values after each epoch."""
    pruner = spec.sweep.pruner if spec.sweep is not None else "none"
    if pruner == "none":
        return NopPruner()
    if pruner == "median":
        return MedianPruner()
    swept = [item.distribution for item in space.parameters if item.path == "training.epochs"]
    epochs = max((int(getattr(distribution, "high", 0)) for distribution in swept), default=0)
    return HyperbandPruner(max_resource=max(epochs, spec.training.epochs))


class _SystemLock:
    """Guards the storage by a lock that the system releases when its process dies.

    Optuna's own lock files outlive a killed process, and then delay all others by half a minute.
    """

    def __init__(self, lock: filelock.BaseFileLock, journal: Path):
        self._lock = lock
        self._journal = journal

    def acquire(self) -> bool:
        """Waits for the lock, then removes an incomplete last line, which a crash of the machine leaves."""
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
        """Releases the lock."""
        self._lock.release()
