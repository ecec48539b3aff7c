"""How well latents keep classes apart: a figure of merit that needs no decoder."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

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
        From 0 to 1; None where there are no classes to tell apart, or too few images.
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
