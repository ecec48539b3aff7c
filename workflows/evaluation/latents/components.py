"""Principal components of latents, few or many, short or long."""

from dataclasses import dataclass

import numpy as np

# A variance below this share of the largest is what rounding leaves, and its direction means nothing.
_LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class Components:
    """Directions in which vectors vary, the strongest first.

    Args:
        center: float32 [dimensions], the mean.
        axes: float32 [components, dimensions], orthonormal.
        deviations: float32 [components], the standard deviation along each.
        shares: float32 [components], of the whole variance.
    """

    center: np.ndarray
    axes: np.ndarray
    deviations: np.ndarray
    shares: np.ndarray


def principal_components(vectors: np.ndarray, most: int) -> Components:
    """The first principal components of vectors.

    An eigenvector's sign is arbitrary: its largest entry is made positive, so that pictures do not flip from one
    checkpoint to the next.

    Args:
        vectors: float [n, dimensions].
        most: How many to find; there are fewer where the vectors vary in fewer directions.
    """
    count, dimensions = vectors.shape
    center = vectors.mean(axis=0, dtype=np.float64)
    small = dimensions <= count
    # The smaller of the two products of the deviations with themselves has the same eigenvalues.
    deviations = (vectors - center).astype(np.float64 if small else np.float32)
    product = deviations.T @ deviations if small else deviations @ deviations.T
    values, found = np.linalg.eigh(product.astype(np.float64) / count)
    values, found = values[::-1].clip(0), found[:, ::-1]
    kept = min(most, int(np.count_nonzero(values > _LEAST_SHARE * values[0])) if values[0] > 0 else 0)
    axes = found[:, :kept].T if small else (found[:, :kept].T.astype(np.float32) @ deviations)
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    largest = axes[np.arange(kept), np.abs(axes).argmax(axis=1)] if kept else np.ones(0)
    axes = axes * np.where(largest < 0, -1.0, 1.0)[:, np.newaxis]
    return Components(
        center.astype(np.float32),
        axes.astype(np.float32),
        np.sqrt(values[:kept]).astype(np.float32),
        (values[:kept] / max(values.sum(), 1e-30)).astype(np.float32),
    )
