"""Checks of images: decoders that end outside [0, 1], and images too small for a loss, metric or shift."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builders.spec.catalogue import Entry
from builders.spec.checks.view import View, size_of
from builders.spec.messages import RANGE_REASON
from builders.spec.nodes import Path
from builders.spec.problems import Problem

# Bounded activations; of the others nothing is known but that they can be learned to stay inside.
_BOUNDS = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
_KEEP_VALUES = re.compile(
    r"Reshape|Permute|Identity|Resizing|UpSampling2D|Cropping2D|CenterCrop|DepthToSpace|\w*Pooling2D"
)


def image_range_checks(view: View) -> Iterator[Problem]:
    """Decoders whose images cannot be in [0, 1]."""
    yield from _end(view, ("decoder", "layers"))
    for path, layer, _ in view.stack("decoder", "layers"):
        if layer == "Output":
            yield from _end(view, (*path, "layers"))


def _end(view: View, path: Path) -> Iterator[Problem]:
    """Follows a stack back from its image to the layer that bounds its values."""
    stack: Sequence[Mapping[str, Any]] = view.get(*path, kind=list) or []
    scale, offset = 1.0, 0.0
    for index in reversed(range(len(stack))):
        [(layer, arguments)] = stack[index].items()
        here: Path = (*path, index, layer)
        activation = layer.lower() if layer == "Softmax" else arguments.get("activation", "linear")
        if layer == "Output" or _KEEP_VALUES.fullmatch(layer):
            continue
        if layer == "Rescaling":
            steps = arguments.get("scale"), arguments.get("offset", 0.0)
            if not all(isinstance(step, int | float) for step in steps):
                return
            scale, offset = scale * steps[0], scale * steps[1] + offset
        elif layer.endswith("Normalization"):
            message = f"gives values around 0 instead of an image: {RANGE_REASON}"
            yield view.problem(here, f"{message}, or add a layer that ends in a sigmoid")
            return
        elif activation in _BOUNDS:
            low, high = sorted(scale * bound + offset for bound in _BOUNDS[activation])
            if abs(low) > 1e-3 or abs(high - 1) > 1e-3:
                fix = f"{activation} here with scale {scale:g} and offset {offset:g}"
                if (scale, offset) == (1.0, 0.0):
                    fix = "use sigmoid, or add Rescaling: {scale: 0.5, offset: 0.5}"
                yield view.problem(here, f"the decoder would end in values from {low:g} to {high:g} ({fix})")
            return
        elif layer != "Activation" or activation != "linear":
            return


def image_size_checks(view: View) -> Iterator[Problem]:
    """Losses and metrics whose window is larger than an image, and shifts out of the image."""
    given = view.image_size()
    if given is None:
        return
    sides, where = given
    size = size_of(sides)
    for path, kind, name in view.measures():
        entry = view.catalogue.entry(kind, name)
        if (
            entry is None
            or (*path, "scales") in view.faulty
            or (kind == "loss" and view.get(*path, "output", kind=str) != "image")
        ):
            continue
        window, scales = entry.facts.get("window", 1), _scales(view, path, entry)
        if min(sides) < _needed(window, scales):
            # The mistake is not at a metric that is there by default.
            place = path if view.is_given(path[0]) else where
            yield view.problem(place, _too_small(f"the {kind} {name}", size, min(sides), window, scales))
    for path, name in view.choices("dataset", "augment"):
        pixels = view.get(*path, "pixels", kind=int)
        if name == "random_shift" and pixels is not None and pixels >= min(sides):
            message = f"expected less than the image, {size} pixels, got {pixels}"
            yield view.problem((*path, "pixels"), message, value=True)


def _scales(view: View, path: Path, entry: Entry) -> int:
    argument = entry.arguments.fields.get("scales")
    default = argument.default if argument is not None else 1
    return view.get(*path, "scales", kind=int) or (default if isinstance(default, int) else 1)


def _needed(window: int, scales: int) -> int:
    """The smallest side, in pixels, that is at least the window after all halvings."""
    return (window - 1) * 2 ** (scales - 1) + 1


def _too_small(what: str, size: str, side: int, window: int, scales: int) -> str:
    possible = max((n for n in range(1, scales) if _needed(window, n) <= side), default=0)
    counted = f" at {scales} scales" if scales > 1 else ""
    needed = _needed(window, scales)
    advice = f"set scales to {possible} or less, or enlarge" if possible else "leave it out, or enlarge"
    return f"{what}{counted} needs images of at least {needed}×{needed} pixels, got {size}; {advice} dataset.image.size"
