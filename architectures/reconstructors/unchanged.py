"""Trying a model without changing it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import keras


@contextmanager
def unchanged(variables: Iterable[keras.Variable]) -> Iterator[None]:
    """Restores the values that variables had when the block began.

    A step in training moves more than weights: averages, random generators, the kernels that SpectralNormalization
    divides.
    """
    kept = [(variable, variable.numpy()) for variable in variables]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)
