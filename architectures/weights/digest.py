"""What identifies the weights of a network: a digest over their values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    # `convert-weights` does not import Keras.
    import keras


def weights_hash(variables: Iterable[keras.Variable]) -> str:
    """sha256, in hexadecimal, over the values of variables in their order."""
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(np.asarray(variable.numpy()).tobytes())
    return digest.hexdigest()
