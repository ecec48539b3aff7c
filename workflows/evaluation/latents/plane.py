"""A plane through latent space, to draw on."""

from dataclasses import dataclass

import numpy as np

from workflows.evaluation.latents.components import principal_components


@dataclass(frozen=True)
class Plane:
    """Two directions in latent space.

    Args:
        center: float [dimensions]: the point that is drawn at the origin.
        axes: float [2, dimensions], orthonormal; an axis is zero where latents vary in fewer directions.
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
        found = principal_components(latents, 2)
        axes, shares = np.zeros((2, dimensions)), np.zeros(2)
        axes[: len(found.axes)], shares[: len(found.axes)] = found.axes, found.shares
        names = [f"component {number} ({share:.0%} of the variance)" for number, share in enumerate(shares, start=1)]
        return cls(found.center, axes, (names[0], names[1]))

    def to_plane(self, latents: np.ndarray) -> np.ndarray:
        """float [n, 2] of latents [n, dimensions]."""
        return (latents - self.center) @ self.axes.T

    def from_plane(self, points: np.ndarray) -> np.ndarray:
        """float32 [n, dimensions] of points [n, 2]."""
        return (points @ self.axes + self.center).astype(np.float32)
