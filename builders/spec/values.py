"""What many places of a spec hold: a choice by name, a stack of layers, a duration."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from builders.spec.shapes import Named


@dataclass(frozen=True)
class Choice:
    """A named thing and its arguments: the long form `{name: {arguments}}` of everything that can be chosen.

    Arguments are plain data (numbers, text, lists, mappings); nested choices and stacks inside them, such as an
    optimizer's schedule or the layers of a `Residual`, keep their long form.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


# A stack of layers in long form, `defaults` already merged into each layer's arguments.
Stack = tuple[Annotated[Choice, Named("layer")], ...]


@dataclass(frozen=True)
class Duration:
    """A length of training: steps, or epochs that the data turns into steps."""

    value: int
    unit: Literal["steps", "epochs"] = "steps"

    def steps(self, steps_per_epoch: int) -> int:
        """The duration in steps."""
        return self.value * (steps_per_epoch if self.unit == "epochs" else 1)

    def epochs(self, steps_per_epoch: int) -> int:
        """The duration in whole epochs, rounded up."""
        return self.value if self.unit == "epochs" else math.ceil(self.value / steps_per_epoch)

    def __str__(self) -> str:
        return f"{self.value} {self.unit if self.value != 1 else self.unit[:-1]}"
