"""Learned latents: what moves them, what binds them, and what has none."""

from collections.abc import Iterator

from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem, shown, suggestion

_LATENTS: Path = ("encoder", "latents")
_REGULARIZERS = ("l2",)


def latent_checks(view: View) -> Iterator[Problem]:
    """What is wrong with the latents."""
    if not view.says(*_LATENTS):
        if view.says("logging", "latent_space"):
            message = "draws learned latents, and this encoder has none; remove it, or use encoder.latents"
            yield view.problem(("logging", "latent_space"), message)
        return
    chosen = view.choice(*_LATENTS, "held_out", "optimizer", kind="optimizer")
    if chosen is not None and chosen[0] != "RowwiseAdam":
        # The whole search is one compiled loop, which calls the optimizer's equations and keeps no state of it.
        message = f"latents of new images are found by RowwiseAdam, got {chosen[0]}; write RowwiseAdam and its rate"
        yield view.problem((*_LATENTS, "held_out", "optimizer"), message)
    rate = view.get(*_LATENTS, "held_out", "optimizer", "RowwiseAdam", "learning_rate", kind=dict) or {}
    lengths = [value for schedule in rate.values() if isinstance(schedule, dict) for value in schedule.values()]
    if any(isinstance(length, str) and "epoch" in length for length in lengths):
        message = "a search has steps and no epochs; give the schedule's lengths in steps"
        yield view.problem((*_LATENTS, "held_out", "optimizer", "RowwiseAdam", "learning_rate"), message)
    for name in view.keys(*_LATENTS, "regularizer"):
        path = (*_LATENTS, "regularizer", name)
        if name not in _REGULARIZERS:
            hint = suggestion(name, _REGULARIZERS) or "; there is l2"
            yield view.problem(path, f"unknown regularizer {shown(name)}{hint}")
        elif (view.get(*path, kind=int | float) or 0) < 0:
            yield view.problem(path, "a negative penalty drives latents apart without end; give 0 or more", value=True)
        elif view.get(*_LATENTS, "constraint") == "sphere":
            yield view.problem(path, "on the sphere every latent has length 1, so l2 changes nothing; remove one")
    if view.get("training", "precision") == "mixed_float16":
        message = "mixed_float16 scales the loss for one optimizer, and latents have one of their own; use float32"
        yield view.problem(("training", "precision"), message, value=True)
