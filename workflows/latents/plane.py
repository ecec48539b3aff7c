"""A plane through latent space, to draw on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plane:
    """Two directions in latent space.

    Args:
        center: float [dimensions]: the point that is drawn at the origin.
        axes: float [2, dimensions], orthonormal; of one dimension the second axis is zero.
        labels: What to write at the two axes.
    """

    center: np.ndarray
    axes: np.ndarray
    labels: tuple[str, str]

    @classmethod
    def through(cls, latents: np.ndarray) -> "Plane":
        """The plane of two-dimensional latents, and of others that of their first two principal components."""
        dimensions = latents.shape[1]
        if dimensions <= 2:
            axes = np.zeros((2, dimensions))
            np.fill_diagonal(axes, 1.0)
            return cls(np.zeros(dimensions), axes, ("latent 0", "latent 1" if dimensions == 2 else ""))
        center = latents.mean(axis=0)
        deviations = (latents - center).astype(np.float64)
        values, vectors = np.linalg.eigh(deviations.T @ deviations / len(latents))
        axes = vectors[:, ::-1][:, :2].T
        # An eigenvector's sign is arbitrary: its largest entry is made positive, so that pictures do not flip.
        axes = axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, np.newaxis]
        shares = values[::-1][:2] / max(values.sum(), 1e-12)
        names = [f"component {number} ({share:.0%} of the variance)" for number, share in enumerate(shares, start=1)]
        return cls(center, axes, (names[0], names[1]))

    def to_plane(self, latents: np.ndarray) -> np.ndarray:
        """float [n, 2] of latents [n, dimensions]."""
        return (latents - self.center) @ self.axes.T

    def from_plane(self, points: np.ndarray) -> np.ndarray:
        """float32 [n, dimensions] of points [n, 2]."""
        return (points @ self.axes + self.center).astype(np.float32)
