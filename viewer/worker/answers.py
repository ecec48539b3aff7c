"""What every part of the worker gives back."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# Plain values, and arrays, which travel through shared memory.
Answer = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]
Handler = Callable[..., Answer]
