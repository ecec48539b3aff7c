"""Where latents begin."""

import numpy as np
from sklearn.decomposition import PCA

from builders.dataset_builder import Split
from builders.images import to_float
from builders.spec import Latents

# PCA is fitted on no more images than this, evenly spread over the split; all are then projected.
_FITTED = 5000
_BATCH = 1024


def initial_latents(split: Split, latents: Latents, seed: int) -> np.ndarray:
    """The first latent of every image of a split.

    `zeros` is what it says; `normal` is drawn from N(0, 1) by the seed; `pca` is the image's principal components,
    divided by one number so that their root mean square is 1. Dimensions beyond the number of components are 0.

    Args:
        split: The training images.
        latents: The spec's latents.
        seed: The spec's seed.

    Returns:
        float32 [images, dimensions].
    """
    shape = (split.count, latents.dimensions)
    if latents.initializer == "zeros":
        return np.zeros(shape, np.float32)
    if latents.initializer == "normal":
        return np.random.default_rng(seed).standard_normal(shape, np.float32)
    fitted = _pixels(split, np.linspace(0, split.count - 1, min(_FITTED, split.count)).astype(int))
    components = min(latents.dimensions, *fitted.shape)
    pca = PCA(components, svd_solver="covariance_eigh" if fitted.shape[1] <= 4096 else "randomized", random_state=seed)
    pca.fit(fitted)
    scores = np.zeros(shape, np.float32)
    for start in range(0, split.count, _BATCH):
        rows = np.arange(start, min(start + _BATCH, split.count))
        scores[rows, :components] = pca.transform(_pixels(split, rows))
    return scores / max(float(np.sqrt(np.mean(np.square(scores)))), 1e-12)


def _pixels(split: Split, rows: np.ndarray) -> np.ndarray:
    images = to_float(split.images(rows))
    return images.reshape(len(rows), -1)
