"""An optimizer and its variables."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf


@dataclass(frozen=True)
class OptimizerGroup:
    """Variables that share an optimizer.

    Args:
        name: `optimizer`, `code_optimizer` or `discriminator_optimizer`: the name of its state in checkpoints.
        optimizer: The optimizer.
        variables: What it changes.
    """

    name: str
    optimizer: keras.optimizers.Optimizer
    variables: tuple[keras.Variable, ...]

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """One step; `gradients` are those of the variables, in their order."""
        self.optimizer.apply_gradients(zip(gradients, self.variables))

    def averages(self) -> list[tuple[keras.Variable, keras.Variable]]:
        """(variable, its moving average) pairs; empty unless the optimizer has `use_ema`."""
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)  # inside mixed_float16's loss scaling
        if not inner.use_ema:
            return []
        return list(zip(self.variables, inner._model_variables_moving_average, strict=True))
