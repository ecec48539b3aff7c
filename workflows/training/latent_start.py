"""Where latents begin."""

import numpy as np
from sklearn.decomposition import PCA

from builders.dataset_builder import Split
from builders.images import to_float
from builders.spec import Latents
from workflows.evaluation.latents.thumbnails import shrunk

# PCA is fitted on no more images than this, evenly spread over the split; all are then projected. Larger images are
# shrunk for it: where latents begin needs no detail.
_FITTED = 5000
_BATCH = 256
_SIDE = 32


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
    if split.count < 2:
        return np.zeros(shape, np.float32)  # one image varies along nothing
    spread = np.linspace(0, split.count - 1, min(_FITTED, split.count)).astype(int)
    fitted = np.concatenate([_pixels(split, rows) for rows in np.array_split(spread, -(-len(spread) // _BATCH))])
    components = min(latents.dimensions, *fitted.shape)
    pca = PCA(components, svd_solver="covariance_eigh" if fitted.shape[1] <= 4096 else "randomized", random_state=seed)
    pca.fit(fitted)
    scores = np.zeros(shape, np.float32)
    for start in range(0, split.count, _BATCH):
        rows = np.arange(start, min(start + _BATCH, split.count))
        scores[rows, :components] = pca.transform(_pixels(split, rows))
    return scores / max(float(np.sqrt(np.mean(np.square(scores)))), 1e-12)


def _pixels(split: Split, rows: np.ndarray) -> np.ndarray:
    images = split.images(rows)
    if max(images.shape[1:3]) > _SIDE:
        images = np.stack([shrunk(image, _SIDE) for image in images])
    return to_float(images).reshape(len(rows), -1)
