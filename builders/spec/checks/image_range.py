"""Images are in [0, 1] everywhere outside an encoder: what would have them otherwise is refused, with the reason."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builders.spec.checks.view import View
from builders.spec.image_range import REASON
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
            message = f"gives values around 0 instead of an image: {REASON}, or add a layer that ends in a sigmoid"
            yield view.problem(here, message)
            return
        elif activation in _BOUNDS:
            low, high = sorted(scale * bound + offset for bound in _BOUNDS[activation])
            if abs(low) > 1e-3 or abs(high - 1) > 1e-3:
                mend = f"{activation} here with scale {scale:g} and offset {offset:g}"
                if (scale, offset) == (1.0, 0.0):
                    mend = "use sigmoid, or add Rescaling: {scale: 0.5, offset: 0.5}"
                yield view.problem(here, f"the decoder would end in values from {low:g} to {high:g} ({mend})")
            return
        elif layer != "Activation" or activation != "linear":
            return
