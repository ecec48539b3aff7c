"""DISTS: how alike two images are in texture and structure; what loss and metric share."""

from functools import cached_property

import numpy as np
from keras import ops

from architectures.images import float32_pair
from architectures.network_measure import NetworkMeasure
from architectures.weights.published_measures import published_values

# The last activation of each block.
_TAPS = tuple(f"features.{index}" for index in (3, 8, 15, 22, 29))
_CHANNELS = (3, 64, 128, 256, 512, 512)
_C1 = _C2 = 1e-6


class Dists(NetworkMeasure):
    """1 minus the weighted similarity of the means and of the covariances of every channel, image included.

    Ding et al., "Image quality assessment: unifying structure and texture similarity", arXiv 2004.07728, equations 4
    to 6, with the published weights.

    Args:
        name: What the frozen network is called in a run's environment.json.
        weights: Weights of torchvision's VGG-16: `pretrained`, `none` or a file.
    """

    def __init__(self, name: str, weights: str):
        super().__init__(name, {"torchvision_vgg16": {"pooling": "l2"}}, _TAPS, weights)

    @cached_property
    def _weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For the image and each tap the weights of means and of covariances, float32 [channels]; all add up to 1."""
        values = published_values("dists")
        total = values["alpha"].sum() + values["beta"].sum()
        ends = np.cumsum(_CHANNELS)[:-1]
        return list(zip(np.split(values["alpha"] / total, ends), np.split(values["beta"] / total, ends)))

    def __call__(self, originals, reconstructions):
        """Float32 [batch]; the arguments are float [batch, height, width, 1 or 3] in [0, 1] of one shape."""
        originals, reconstructions = float32_pair(originals, reconstructions)
        height, width, channels = originals.shape[1:]
        network = self.network((height, width, channels))
        first, second = ([_colour(images), *network(images)] for images in (originals, reconstructions))
        alike = sum(
            _similarity(ops.stop_gradient(original), reconstruction, *weights)
            for original, reconstruction, weights in zip(first, second, self._weights)
        )
        return 1.0 - alike


def _colour(images):
    return ops.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def _similarity(x, y, of_means, of_covariances):
    """The weighted similarity of two maps [batch, height, width, channels]: float32 [batch]."""
    x, y = ops.cast(x, "float32"), ops.cast(y, "float32")
    mean_x, mean_y = (ops.mean(values, axis=(1, 2), keepdims=True) for values in (x, y))
    means = (2.0 * mean_x * mean_y + _C1) / (ops.square(mean_x) + ops.square(mean_y) + _C1)
    x, y = x - mean_x, y - mean_y
    covariance, variances = ops.mean(x * y, axis=(1, 2)), ops.mean(x * x + y * y, axis=(1, 2))
    structure = (2.0 * covariance + _C2) / (variances + _C2)
    return ops.sum(of_means * ops.squeeze(means, axis=(1, 2)) + of_covariances * structure, axis=-1)
