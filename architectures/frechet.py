"""The Fréchet distance of two sets of features, each summed up by its mean and covariance."""

from __future__ import annotations

import numpy as np


class GaussianSummary:
    """The mean and the covariance of feature vectors, gathered batch by batch in float64.

    The state is one matrix, whatever the number of vectors. Batches are joined as Chan, Golub and LeVeque do
    ("Updating formulae and a pairwise algorithm for computing sample variances", 1979), so that large means cost no
    digits.

    Args:
        size: Numbers in a vector.
    """

    def __init__(self, size: int):
        self.count = 0
        self.mean = np.zeros(size)
        self._scatter = np.zeros((size, size))

    def add(self, vectors: np.ndarray) -> None:
        """Takes vectors in.

        Args:
            vectors: Float [n, size].

        Raises:
            ValueError: Some are NaN or infinite.
        """
        vectors = np.asarray(vectors, np.float64)
        if not np.isfinite(vectors).all():
            raise ValueError("features are NaN or infinite; the network or its weights are damaged")
        if not len(vectors):
            return
        mean, total = vectors.mean(axis=0), self.count + len(vectors)
        centred, apart = vectors - mean, mean - self.mean
        self._scatter += centred.T @ centred + np.outer(apart, apart) * (self.count * len(vectors) / total)
        self.mean += apart * (len(vectors) / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, float64 [size, size], as `numpy.cov` computes it."""
        return self._scatter / max(1, self.count - 1)

    def root(self) -> np.ndarray:
        """A matrix [size, size] that gives the covariance when it is multiplied by its transpose."""
        values, vectors = np.linalg.eigh(self.covariance)
        return vectors * np.sqrt(np.maximum(values, 0.0))


def frechet_distance(first: GaussianSummary, second: GaussianSummary) -> float:
    """‖m₁ - m₂‖² + tr(C₁ + C₂ - 2 (C₁ C₂)^½), which is 0 for equal means and covariances.

    Dowson & Landau, "The Fréchet distance between multivariate normal distributions", 1982; as FID by Heusel et al.,
    arXiv 1706.08500. The trace of the root is the sum of singular values of A₁ᵀ A₂ with A Aᵀ = C: unlike the root of
    the product, it is exact where a covariance is singular, as it is with fewer images than features.
    """
    difference = first.mean - second.mean
    crossed = np.linalg.svd(first.root().T @ second.root(), compute_uv=False).sum()
    spread = np.trace(first.covariance) + np.trace(second.covariance)
    # Rounding may leave less than nothing of equal sets.
    return max(0.0, float(difference @ difference + spread - 2.0 * crossed))
