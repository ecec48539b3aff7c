"""Several stacks side by side."""

import functools
from typing import Any, Literal

import keras
from keras import ops

from architectures.layers.nesting import (
    build_stack,
    call_stack,
    deserialize_stack,
    require_layers,
    serialize_stack,
    stack_output_shape,
)
from common.registry import LAYERS


@LAYERS.register("Parallel")
class Parallel(keras.layers.Layer):
    """Runs several stacks on one input and joins their outputs.

    Szegedy et al., "Going deeper with convolutions", CVPR 2015.

                 ┌─ branch 1 ─┐
        input ───┼─ branch 2 ─┼─ concat or add ── output
                 └─ branch 3 ─┘

    Args:
        branches: The stacks. An empty stack passes the input through.
        merge: concat: channels behind one another. add: the sum; all branches must give one shape.

    Example:
        Parallel:
          branches:
            - [Conv2D: {filters: 32, kernel_size: 1}]
            - [Conv2D: {filters: 32, kernel_size: 3, padding: same}]

    Input shape: [batch, …, channels].
    Output shape: that of the branches; with concat the channels are their sum.
    """

    def __init__(self, branches: list[list[keras.layers.Layer]], merge: Literal["concat", "add"] = "concat", **kwargs):
        super().__init__(**kwargs)
        if merge not in ("concat", "add"):
            raise ValueError(f"Parallel.merge must be concat or add, got '{merge}'")
        if len(branches) < 2:
            raise ValueError(f"Parallel needs at least two branches, got {len(branches)}")
        self.branches = [require_layers("a branch of Parallel", branch) if branch else [] for branch in branches]
        self.merge = merge

    def build(self, input_shape):
        self._merged([build_stack(branch, tuple(input_shape)) for branch in self.branches])
        self.built = True

    def _merged(self, shapes: list[tuple]) -> tuple:
        """The shape of the joined branches, or a ValueError that lists theirs."""
        fixed = [shape if self.merge == "add" else shape[:-1] for shape in shapes]
        if any(shape != fixed[0] for shape in fixed):
            given = ", ".join(str(list(shape[1:])) for shape in shapes)
            wanted = "one shape" if self.merge == "add" else "shapes that differ in channels only"
            raise ValueError(f"{self.name}: the branches give {given}; merge '{self.merge}' needs {wanted}")
        return shapes[0] if self.merge == "add" else (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def call(self, inputs):
        outputs = [call_stack(branch, inputs) for branch in self.branches]
        # `ops`, because the dtypes of branches may differ.
        return functools.reduce(ops.add, outputs) if self.merge == "add" else ops.concatenate(outputs, axis=-1)

    def compute_output_shape(self, input_shape):
        return self._merged([stack_output_shape(branch, tuple(input_shape)) for branch in self.branches])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "branches": [serialize_stack(branch) for branch in self.branches],
            "merge": self.merge,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "branches": [deserialize_stack(branch) for branch in config["branches"]]})
