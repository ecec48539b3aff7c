"""Beginning a sweep, going on with it, or forgetting it to begin anew."""

import json
import os
from collections.abc import Callable
from typing import Any

import optuna
from optuna.trial import TrialState

from builders.spec import LoadedSpec
from builders.spec.nodes import leaves
from common.errors import RequestError
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.space import SearchSpace, value_text
from workflows.sweep.storage import open_study, pruner_for

# What a sweep that goes on may change, and what no trial depends on.
_MAY_CHANGE = ("name", "description", "expected", "sweep.trials")


def begin(
    folder: SweepFolder, loaded: LoadedSpec, path: str | os.PathLike, confirm_reset: Callable[[str], bool] | None
) -> optuna.Study | None:
    """The study of a sweep, new or as far as it is.

    Args:
        folder: The sweep's folder.
        loaded: Its spec.
        path: Where that was read from, for messages.
        confirm_reset: Forget the trials there are, if it answers True to the question it is given.

    Returns:
        The study, or None where the answer was no.

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
    """Forgets the trials there are, after asking; returns whether it did."""
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
    """Remembers the spec; refuses one that differs from that with which the sweep began."""
    began = folder.remembered()
    if began is not None:
        before, now = _values(began), _values(loaded)
        paths = [name for name in dict.fromkeys([*before, *now]) if not name.startswith(_MAY_CHANGE)]
        # As text, because 1 and True, or 1 and 1.0, are equal in Python and not in a spec.
        differing = [name for name in paths if json.dumps(before.get(name)) != json.dumps(now.get(name))]
        if differing:
            told = ", ".join(f"{name} {_said(before, name)} → {_said(now, name)}" for name in differing[:3])
            more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
            raise RequestError(
                f"{path}: differs from the spec that this sweep began with: {told}{more}; take that back, or begin "
                "again with --reset"
            )
    if began is None or began.merged != loaded.merged:
        folder.remember(loaded)


def _values(loaded: LoadedSpec) -> dict[str, Any]:
    """Path → value; the order of the parameters counts, for it decides which trial has which values."""
    parameters = loaded.spec.sweep.parameters if loaded.spec.sweep is not None else {}
    return {**dict(leaves(loaded.resolved)), "sweep.parameters": list(parameters)}


def _said(values: dict[str, Any], name: str) -> str:
    return value_text(values[name]) if name in values else "nothing"
