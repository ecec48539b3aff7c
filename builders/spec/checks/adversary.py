"""The discriminator and the adversarial term: they fit each other, and nothing that is written is ignored."""

from collections.abc import Iterator

from builders.spec.checks.view import View
from builders.spec.problems import Problem
from builders.spec.types import Duration

_OF_A_BACKBONE = ("weights", "taps", "fuse")


def adversary_checks(view: View) -> Iterator[Problem]:
    """What is wrong with adversarial training."""
    if not view.says("discriminator"):
        return
    yield from _network(view)
    judging = [name for name in view.keys("loss") if _needs_discriminator(view, name)]
    for name in judging[1:]:
        message = f"the discriminator already judges for loss.{judging[0]}; remove one of the two"
        yield view.problem(("loss", name), message)
    for name in judging[:1]:
        yield from _term(view, name)


def _needs_discriminator(view: View, name: str) -> bool:
    entry = view.catalogue.entry("loss", view.get("loss", name, "loss", kind=str) or name)
    return entry is not None and "discriminator" in entry.facts.get("needs", ())


def _network(view: View) -> Iterator[Problem]:
    looks = view.says("discriminator", "backbone")
    for key in _OF_A_BACKBONE:
        # A resolved spec, which can be read again, holds the default of `weights`.
        if not looks and view.says("discriminator", key) and view.get("discriminator", key) != "pretrained":
            yield view.problem(("discriminator", key), "goes with 'backbone', which the discriminator lacks; remove it")
    name, entry = view.choice("discriminator", "architecture", kind="discriminator") or ("", None)
    if entry is None:
        return
    path = ("discriminator", "architecture", name)
    if entry.facts.get("reads") == "taps":
        if not looks:
            yield view.problem(
                path, "stands on the taps of a network; add discriminator.backbone and taps, or use patch"
            )
        if view.says("discriminator", "fuse"):
            yield view.problem(("discriminator", "fuse"), f"'{name}' has a head on each tap and fuses none; remove it")
    elif looks:
        yield view.problem(path, "looks at images and at no taps; remove discriminator.backbone, or use tap_heads")


def _term(view: View, name: str) -> Iterator[Problem]:
    begins, trains = view.duration("loss", name, "start"), view.duration("discriminator", "start")
    if begins is not None and trains is not None and _before(begins, trains):
        message = f"the discriminator begins to train after {trains}, and until then it knows nothing; begin no earlier"
        yield view.problem(("loss", name, "start"), message, value=view.says("loss", name, "start"))
    if view.get("loss", name, "adaptive", kind=bool):
        output = view.get("loss", name, "output", kind=str)
        others = [view.get("loss", other, "output", kind=str) for other in view.keys("loss") if other != name]
        if None not in (output, *others) and output not in others:
            message = (
                f"an adaptive weight is measured against other terms, and '{output}' has none; add one, such as l1"
            )
            yield view.problem(("loss", name, "adaptive"), message)


def _before(first: Duration, second: Duration) -> bool:
    """Whether one moment surely lies before another: only the data tell how many steps an epoch has."""
    if first.value == 0:
        return second.value > 0
    return first.unit == second.unit and first.value < second.value
