"""Averaged weights: what `use_ema` keeps beside the weights that train."""

import contextlib
from collections.abc import Iterator

from architectures.reconstructors.base import Reconstructor


def _averages(model: Reconstructor) -> list:
    """(variable, average) pairs of what rebuilds images; a discriminator's averages are nobody's business."""
    return [pair for group in model.trained_groups for pair in group.averages()]


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
