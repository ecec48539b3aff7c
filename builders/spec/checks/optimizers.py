"""Arguments of optimizers and schedules that Keras refuses beside each other."""

from collections.abc import Iterator

from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem

_OPTIMIZERS: tuple[Path, ...] = (
    ("training", "optimizer"),
    ("code", "optimizer"),
    ("discriminator", "optimizer"),
    ("encoder", "latents", "optimizer"),
    ("encoder", "latents", "held_out", "optimizer"),
)
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
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


def _schedule(view: View, path: Path) -> Iterator[Problem]:
    boundaries, values = (view.get(*path, key, kind=list) for key in ("boundaries", "values"))
    if boundaries is not None and values is not None and len(values) != len(boundaries) + 1:
        message = f"expected one value more than the {len(boundaries)} boundaries, got {len(values)}"
        yield view.problem((*path, "values"), message, value=True)
    for key in _LENGTHS:
        length = view.duration(*path, key)
        if length is not None and length.value == 0:
            yield view.problem((*path, key), "expected a length above 0", value=True)
