"""Durations against the length of the training."""

import math
from collections.abc import Iterator

from builders.spec.checks.optimizers import TRAINING_OPTIMIZERS
from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem
from builders.spec.types import Duration

# Schedules that come to an end: class → the argument that says when. Others are only rates.
_LENGTHS = {"CosineDecay": "decay_steps", "PolynomialDecay": "decay_steps"}


def schedule_checks(view: View, per_epoch: int | None = None) -> Iterator[Problem]:
    """What would never happen, or not come to its end.

    Args:
        view: The spec.
        per_epoch: Steps in an epoch, where the data are known.
    """
    epochs = view.get("training", "epochs", kind=int)
    if epochs is None:
        return
    per_epoch = per_epoch or _steps_per_epoch(view)
    for path in TRAINING_OPTIMIZERS:
        chosen = view.choice(*path, kind="optimizer")
        if chosen is not None:
            yield from _schedule(view, (*path, chosen[0], "learning_rate"), epochs, per_epoch)
            yield from _accumulation(view, (*path, chosen[0], "gradient_accumulation_steps"), epochs, per_epoch)
    starts: list[Path] = [("discriminator", "start"), *(("loss", term, "start") for term in view.keys("loss"))]
    for path in starts:
        start = view.duration(*path)
        if start is not None and _compare(per_epoch, [start], epochs, at_end=True):
            message = f"training ends after {epochs} epochs, so it would never start; start earlier or train longer"
            yield view.problem(path, message, value=True)


def _accumulation(view: View, path: Path, epochs: int, per_epoch: int | None) -> Iterator[Problem]:
    steps = view.get(*path, kind=int)
    if steps is not None and per_epoch is not None and steps > epochs * per_epoch:
        message = (
            f"gathers {steps} steps for each change, and training has {epochs * per_epoch}: nothing would ever move"
        )
        yield view.problem(path, f"{message}; gather fewer or train longer", value=True)


def _schedule(view: View, path: Path, epochs: int, per_epoch: int | None) -> Iterator[Problem]:
    chosen = view.choice(*path, kind="schedule")
    if chosen is None:
        return
    name = chosen[0]
    if name in _LENGTHS:
        where = (*path, name, _LENGTHS[name])
        lengths = [view.duration(*path, name, "warmup_steps"), view.duration(*where)]
        given = [length for length in lengths if length is not None and length.value]
        if given and _compare(per_epoch, given, epochs):
            total = " + ".join(str(length) for length in given)
            message = f"the schedule takes {total} and training only {epochs} epochs; shorten it or train longer"
            yield view.problem(where, message, value=True)
    elif name == "PiecewiseConstantDecay":
        boundaries = view.keys(*path, name) and view.node(*path, name, "boundaries")
        for index in range(len(boundaries.value) if boundaries and boundaries.is_list else 0):
            where = (*path, name, "boundaries", index)
            boundary = view.duration(*where)
            if boundary is not None and _compare(per_epoch, [boundary], epochs, at_end=True):
                message = f"this boundary lies at {boundary}, and training ends after {epochs} epochs"
                yield view.problem(where, message, value=True)


def _compare(per_epoch: int | None, lengths: list[Duration], epochs: int, at_end: bool = False) -> bool:
    """Whether lengths add up to more than the training (with `at_end`: to all of it), as far as one can tell."""
    units = {length.unit for length in lengths}
    total, end = sum(length.value for length in lengths), epochs
    if units != {"epochs"}:
        if per_epoch is None:
            return False
        total, end = sum(length.steps(per_epoch) for length in lengths), epochs * per_epoch
    return total >= end if at_end else total > end


def _steps_per_epoch(view: View) -> int | None:
    """Known before the data are where the training split is a count."""
    count = view.get("dataset", "split", "train", "take", kind=int)
    batch = view.get("dataset", "batch_size", kind=int)
    return math.ceil(count / batch) if count and batch else None
