"""What is measured on training images before the first step: scales of taps and embeddings, and where latents start."""

import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA

from architectures.reconstructors.backbone_inverter import BackboneInverter
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.embedding_decoder import EmbeddingDecoder
from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.dataset_builder import Split, Splits
from builders.images import shrunk, to_float
from builders.spec import Latents, Spec
from common.errors import RequestError
from common.formatting import printable

# Enough for the root mean square of a tap to be steady; 64 ImageNet-sized images pass in seconds on a CPU.
_IMAGES = 64
# Trained networks on photographs: activations differ between images by 0.3 to 0.9 of their root mean square, and up to
# 0.4 of the channels are 0; of inputs 255 times too small 0.01, and 0.7.
_VARIED = 0.1
_MOST_DEAD = 0.9
_DEAD = 1e-6
# PCA is fitted on no more images than this, evenly spread over the split; all are then projected. Larger images are
# shrunk first: starting points need no detail.
_FITTED = 5000
_BATCH = 256
_SIDE = 32


def training_split(splits: Splits) -> Split:
    """The training images. Raises RequestError where the spec has none."""
    if "train" not in splits:
        raise RequestError("dataset.split: has no train; add one, such as `train: rest`")
    return splits["train"]


def calibrate(model: Reconstructor, split: Split, spec: Spec) -> list[str]:
    """Measures scales of taps or embeddings and first latents on the training images, where the model has any.

    Returns:
        Sentences on taps that carry little of the images, which a user should read before training.
    """
    samples = spread_samples(split, _IMAGES)
    images = tf.convert_to_tensor(samples["image"])
    model.calibrate(images)
    if isinstance(model, EmbeddingDecoder):
        model.measure_scale(samples["embedding"])
    if isinstance(model, LatentDecoder) and spec.encoder.latents is not None:
        model.begin(split.indices, split.labels, initial_latents(split, spec.encoder.latents, spec.seed))
    if not isinstance(model, BackboneInverter):
        return []
    said = (_remark(name, tap.numpy(), spec) for name, tap in zip(spec.encoder.taps, model.tap(images)))
    return [line for line in said if line]


def _remark(name: str, tap: np.ndarray, spec: Spec) -> str | None:
    """What is wrong with a tap's activations [images, …], for which wrong preprocessing is the usual reason."""
    values = tap.astype(np.float32)
    wrong = None
    if not np.isfinite(values).all():
        wrong = "are not all finite"
    elif not values.any():
        wrong = "are all 0"
    else:
        channels = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
        dead = float(np.mean(channels <= _DEAD * channels.max()))
        varied = np.sqrt(values.var(axis=0).mean() / np.square(values).mean())
        if len(values) > 1 and varied < _VARIED:
            wrong = f"hardly differ between images, by {varied:.1%} of their size"
        elif dead > _MOST_DEAD:
            wrong = f"are 0 in {dead:.0%} of its channels"
    if wrong is None:
        return None
    given = "unset" if spec.encoder.preprocessing is None else "given"
    return (
        f"encoder.taps: the activations of '{printable(name)}' {wrong}, on {len(values)} training images; the network "
        f"may expect other values: encoder.preprocessing is {given}"
    )


def spread_samples(split: Split, count: int) -> dict[str, np.ndarray]:
    """`count` images spread evenly over a split, always the same, as `Split.sample` returns them."""
    return split.sample(np.linspace(0, split.count - 1, min(count, split.count)).astype(int))


def initial_latents(split: Split, latents: Latents, seed: int) -> np.ndarray:
    """The first latent of every image of a split.

    `normal` is drawn from N(0, 1); `pca` is the image's principal components, divided by one number so that their root
    mean square is 1. Dimensions beyond the number of components are 0.

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
        return np.zeros(shape, np.float32)  # one image has no variance
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
