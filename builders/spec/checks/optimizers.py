"""Arguments of optimizers and schedules: what Keras refuses beside each other, and what moves nothing."""

from collections.abc import Iterator

from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem

# Those that a step of the training uses.
TRAINING_OPTIMIZERS: tuple[Path, ...] = (
    ("training", "optimizer"),
    ("code", "optimizer"),
    ("discriminator", "optimizer"),
    ("encoder", "latents", "optimizer"),
)
_OPTIMIZERS: tuple[Path, ...] = (*TRAINING_OPTIMIZERS, ("encoder", "latents", "held_out", "optimizer"))
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
# What a schedule's rates are made of.
_RATES = ("initial_learning_rate", "warmup_target", "end_learning_rate", "values")
_LENGTHS = ("decay_steps", "first_decay_steps")


def optimizer_checks(view: View) -> Iterator[Problem]:
    """What is wrong with optimizers by themselves."""
    for where in _OPTIMIZERS:
        for name in view.keys(*where):
            path: Path = (*where, name)
            clips = [key for key in _CLIPS if view.get(*path, key) is not None]
            if len(clips) > 1:
                message = f"gradients are clipped one way, and '{clips[0]}' is given as well; remove one of the two"
                yield view.problem((*path, clips[1]), message)
            for schedule in view.keys(*path, "learning_rate"):
                yield from _schedule(view, (*path, "learning_rate", schedule))
            if view.get(*path, "use_ema", kind=bool) and view.get(*path, "ema_momentum", kind=float | int) == 1:
                message = "with 1 the averages of the weights never change; give less, such as 0.999"
                yield view.problem((*path, "ema_momentum"), message, value=True)
    # A decoder that stays as it is can be measured by the latents that it allows.
    if not view.says("encoder", "latents"):
        yield from _nothing_moves(view)


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


def _schedule(view: View, path: Path) -> Iterator[Problem]:
    boundaries, values = (view.get(*path, key, kind=list) for key in ("boundaries", "values"))
    if boundaries is not None and values is not None and len(values) != len(boundaries) + 1:
        message = f"expected one value more than the {len(boundaries)} boundaries, got {len(values)}"
        yield view.problem((*path, "values"), message, value=True)
    for key in _LENGTHS:
        length = view.duration(*path, key)
        if length is not None and length.value == 0:
            yield view.problem((*path, key), "expected a length above 0", value=True)
