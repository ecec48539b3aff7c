"""Averaged weights: what `use_ema` keeps beside the weights that train."""

import contextlib
from collections.abc import Iterator

from architectures.reconstructors.base import Reconstructor


def _averages(model: Reconstructor) -> list:
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # inside mixed_float16's loss scaling
    if not optimizer.use_ema:
        return []
    return list(zip(model.trained_variables, optimizer._model_variables_moving_average, strict=True))


def use_averaged_weights(model: Reconstructor) -> None:
    """Replaces trained weights by their moving averages, where the optimizer keeps any."""
    for variable, average in _averages(model):
        variable.assign(average)


@contextlib.contextmanager
def averaged_weights(model: Reconstructor) -> Iterator[None]:
    """Measures under the averaged weights and puts the training ones back."""
    pairs = _averages(model)
    kept = [variable.numpy() for variable, _ in pairs]
    use_averaged_weights(model)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept):
            variable.assign(value)
