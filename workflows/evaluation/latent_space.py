"""Properties of latents that need no decoder: principal components, a plane to draw on, how well classes separate."""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

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


_NEIGHBOURS = 5
# Each query looks at every latent. So many, spread evenly, know a share to within one percent.
_MOST_QUERIES = 5000


def neighbour_accuracy(
    latents: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray | None = None,
    query_labels: np.ndarray | None = None,
) -> float | None:
    """Share of latents whose class is that of most of their 5 nearest training latents.

    Args:
        latents: float [images, dimensions] of training images.
        labels: int64 [images], -1 where an image has no class.
        queries: float [n, dimensions]. Unset: the training latents themselves, each without its own self.
        query_labels: int64 [n].

    Returns:
        From 0 to 1; None where there are fewer than two classes, or too few images.
    """
    known = labels >= 0
    latents, labels = latents[known], labels[known]
    if len(latents) <= _NEIGHBOURS or len(np.unique(labels)) < 2:
        return None
    classifier = KNeighborsClassifier(_NEIGHBOURS).fit(latents, labels)
    if queries is not None and query_labels is not None:
        asked = _spread(np.flatnonzero(query_labels >= 0))
        return float(classifier.score(queries[asked], query_labels[asked])) if len(asked) else None
    asked = _spread(np.arange(len(latents)))
    nearest = classifier.kneighbors(latents[asked], _NEIGHBOURS + 1, return_distance=False)
    # A latent is its own nearest neighbour, but among equal ones not surely the first.
    others = np.array([row[row != own][:_NEIGHBOURS] for row, own in zip(nearest, asked)])
    votes = np.array([np.bincount(row).argmax() for row in labels[others]])
    return float(np.mean(votes == labels[asked]))


def _spread(rows: np.ndarray) -> np.ndarray:
    """At most so many rows, evenly spread: their order may go by class."""
    return rows[np.linspace(0, len(rows) - 1, min(_MOST_QUERIES, len(rows))).astype(int)]
