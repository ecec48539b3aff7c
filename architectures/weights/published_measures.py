"""The weights of published measures, which are a few kilobytes and part of the program."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

_FOLDER = Path(__file__).with_name("published")


def published_values(name: str) -> dict[str, np.ndarray]:
    """The arrays of one of the files beside NOTICE.txt, which says where they come from.

    Args:
        name: `lpips_alex`, `lpips_vgg` or `dists`.

    Returns:
        Name → float32 [channels].
    """
    return load_file(_FOLDER / f"{name}.safetensors")
