"""Learned positions for another number of patches: bicubic, as PyTorch resizes them."""

import numpy as np


def resized(positions: np.ndarray, prefix: int, grid: tuple[int, int], antialias: bool) -> np.ndarray:
    """Positions of a square of patches → those of another grid; tokens before the patches keep theirs.

    Args:
        positions: float [1, prefix + side², width].
        prefix: How many tokens are before the patches.
        grid: Rows and columns to resize to.
        antialias: Whether shrinking blurs first. Networks with registers were published so.

    Returns:
        float32 [1, prefix + rows · columns, width].

    Raises:
        ValueError: The positions are those of no square.
    """
    side = round((positions.shape[1] - prefix) ** 0.5)
    if positions.shape[1] <= prefix or side * side != positions.shape[1] - prefix:
        raise ValueError(f"has {positions.shape[1]} positions, which are no square of patches after {prefix} tokens")
    if (side, side) == tuple(grid):
        return positions.astype(np.float32)
    first, patches = positions[:, :prefix], positions[0, prefix:].reshape(side, side, -1).astype(np.float64)
    rows, columns = (_weights(side, new, antialias) for new in grid)
    patches = np.einsum("yh,xw,hwd->yxd", rows, columns, patches, optimize=True)
    return np.concatenate([first, patches.reshape(1, -1, positions.shape[2])], axis=1).astype(np.float32)


def _weights(old: int, new: int, antialias: bool) -> np.ndarray:
    """float64 [new, old]: the weight of each old value in each new one; Keys' cubic, whose edges repeat."""
    step = old / new
    centres = (np.arange(new) + 0.5) * step - 0.5
    weights = np.zeros((new, old))
    if antialias:
        width = max(step, 1.0)
        found = _cubic((np.arange(old) - centres[:, None]) / width, -0.5)
        return found / found.sum(axis=1, keepdims=True)
    for offset in range(-1, 3):
        places = np.floor(centres).astype(int) + offset
        np.add.at(weights, (np.arange(new), places.clip(0, old - 1)), _cubic(centres - places, -0.75))
    return weights


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
