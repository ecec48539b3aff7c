"""Checks of optimizers and schedules: arguments that exclude each other, durations against the length of training."""

import math
from collections.abc import Iterator

from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem
from builders.spec.values import Duration

# The optimizers of a training step.
TRAINING_OPTIMIZERS: tuple[Path, ...] = (
    ("training", "optimizer"),
    ("code", "optimizer"),
    ("discriminator", "optimizer"),
    ("encoder", "latents", "optimizer"),
)
_OPTIMIZERS: tuple[Path, ...] = (*TRAINING_OPTIMIZERS, ("encoder", "latents", "held_out", "optimizer"))
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
# The rates of a schedule.
_RATES = ("initial_learning_rate", "warmup_target", "end_learning_rate", "values")
_LENGTHS = ("decay_steps", "first_decay_steps")
# Schedules that end: class → the argument with their length. Others are only rates.
_ENDS = {"CosineDecay": "decay_steps", "PolynomialDecay": "decay_steps"}


def optimizer_checks(view: View) -> Iterator[Problem]:
    """Arguments of optimizers and schedules that exclude each other or change nothing."""
    for where in _OPTIMIZERS:
        for name in view.keys(*where):
            path: Path = (*where, name)
            clips = [key for key in _CLIPS if view.get(*path, key) is not None]
            if len(clips) > 1:
                message = f"gradients are clipped one way, and '{clips[0]}' is given as well; remove one of the two"
                yield view.problem((*path, clips[1]), message)
            for schedule in view.keys(*path, "learning_rate"):
                yield from _schedule_arguments(view, (*path, "learning_rate", schedule))
            if view.get(*path, "use_ema", kind=bool) and view.get(*path, "ema_momentum", kind=float | int) == 1:
                message = "with 1 the averages of the weights never change; give less, such as 0.999"
                yield view.problem((*path, "ema_momentum"), message, value=True)
    yield from _plateau(view)
    # A decoder that stays as it is can be measured by the latents that it allows.
    if not view.is_given("encoder", "latents"):
        yield from _nothing_moves(view)


def _plateau(view: View) -> Iterator[Problem]:
    """Plateaus reduce a rate that is a number: a schedule decides its rate alone."""
    if not view.keys("training", "reduce_on_plateau"):
        return
    for where in (path for path in TRAINING_OPTIMIZERS if path[0] != "discriminator"):
        for name in view.keys(*where):
            path: Path = (*where, name, "learning_rate")
            schedule = view.choice(*path, kind="schedule")
            if schedule is not None:
                message = f"{schedule[0]} decides the rate, and training.reduce_on_plateau would as well; remove one"
                yield view.problem(path, message, value=True)


def _nothing_moves(view: View) -> Iterator[Problem]:
    """Learning rates that are 0 from the first step to the last, where no other optimizer trains the model."""
    rates = [
        (*where, name, "learning_rate") for where in (_OPTIMIZERS[0], _OPTIMIZERS[1]) for name in view.keys(*where)
    ]
    if rates and all(_always_zero(view, path) for path in rates):
        message = "with a learning rate of 0 from the first step to the last nothing would ever move; give more"
        yield view.problem(rates[0], message, value=True)


def _always_zero(view: View, path: Path) -> bool:
    chosen = view.choice(*path, kind="schedule")
    if chosen is None:
        return view.get(*path, kind=float | int) == 0
    name, entry = chosen
    fields = entry.arguments.fields if entry else {}
    written = view.get(*path, name, kind=dict) or {}
    given = [written.get(key, fields[key].default) for key in _RATES if key in fields]
    rates = [rate for item in given if item is not None for rate in (item if isinstance(item, list) else [item])]
    return bool(written) and all(rate == 0 for rate in rates)


def _schedule_arguments(view: View, path: Path) -> Iterator[Problem]:
    boundaries, values = (view.get(*path, key, kind=list) for key in ("boundaries", "values"))
    if boundaries is not None and values is not None and len(values) != len(boundaries) + 1:
        message = f"expected one value more than the {len(boundaries)} boundaries, got {len(values)}"
        yield view.problem((*path, "values"), message, value=True)
    for key in _LENGTHS:
        length = view.duration(*path, key)
        if length is not None and length.value == 0:
            yield view.problem((*path, key), "expected a length above 0", value=True)


def schedule_checks(view: View, per_epoch: int | None = None) -> Iterator[Problem]:
    """Starts and boundaries after the end of training, and schedules that are longer than it.

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
    if name in _ENDS:
        where = (*path, name, _ENDS[name])
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
                message = f"this boundary is at {boundary}, and training ends after {epochs} epochs"
                yield view.problem(where, message, value=True)


def _compare(per_epoch: int | None, lengths: list[Duration], epochs: int, at_end: bool = False) -> bool:
    """Whether lengths certainly add up to more than the training (with `at_end`: to all of it)."""
    units = {length.unit for length in lengths}
    total, end = sum(length.value for length in lengths), epochs
    if units != {"epochs"}:
        if per_epoch is None:
            return False
        total, end = sum(length.steps(per_epoch) for length in lengths), epochs * per_epoch
    return total >= end if at_end else total > end


def _steps_per_epoch(view: View) -> int | None:
    """Known before reading the data only where the training split is a count."""
    count = view.get("dataset", "split", "train", "take", kind=int)
    batch = view.get("dataset", "batch_size", kind=int)
    return math.ceil(count / batch) if count and batch else None
