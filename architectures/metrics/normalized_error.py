"""The normalised error of Dosovitskiy and Brox."""

import numpy as np
from keras import ops

from architectures.images import float32_pair
from architectures.metrics.metric import Metric
from common.registry import METRICS

# Half a million pairs fix the mean distance to a few thousandths; more would cost minutes at 224×224.
MOST_IMAGES = 1000
ROWS_AT_ONCE = 128


@METRICS.register("normalized_error")
class NormalizedError(Metric):
    """Euclidean distance to the original, over the mean distance between two test images. Smaller is better.

    Dosovitskiy and Brox, "Inverting Visual Representations with Convolutional Networks", arXiv 1506.02753:
    mean ‖x - x̂‖₂ divided by the mean ‖x - x'‖₂ over pairs of test images. 0 is exact, 1 no better than
    another image of the set.
    """

    direction = "min"
    in_training = False

    def __call__(self, originals, reconstructions):
        """Euclidean distances [batch], not yet divided by `normalizer`."""
        originals, reconstructions = float32_pair(originals, reconstructions)
        return ops.sqrt(ops.sum(ops.square(originals - reconstructions), axis=(1, 2, 3)))

    def normalizer(self, originals: np.ndarray) -> float:
        """Mean Euclidean distance between pairs of different images.

        Of more than 1,000 images, a fixed choice of 1,000 is measured.

        Args:
            originals: Float32 [images, height, width, channels] in [0, 1].

        Returns:
            The mean distance; NaN where there is none: fewer than two images, or all alike.
        """
        count = len(originals)
        if count > MOST_IMAGES:
            chosen = np.random.Generator(np.random.Philox(0)).permutation(count)[:MOST_IMAGES]
            originals = originals[np.sort(chosen)]
            count = MOST_IMAGES
        if count < 2:
            return float("nan")
        flat = np.asarray(originals, "float32").reshape(count, -1)
        # ‖a - b‖² = ‖a‖² + ‖b‖² - 2a·b turns all pairs into one matrix product. Distances do not change when the
        # mean image is taken off, and the three terms then cancel less.
        flat = flat - flat.mean(axis=0)
        squares = np.einsum("ij,ij->i", flat, flat, dtype="float64")
        total = 0.0
        for start in range(0, count, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            products = flat[rows] @ flat[start:].T
            distances = np.sqrt(np.maximum(squares[rows, None] + squares[None, start:] - 2.0 * products, 0.0))
            total += np.triu(distances, k=1).sum()
        mean = total / (count * (count - 1) / 2)
        rounding = 1e-6 * np.sqrt(flat.shape[1])
        return float(mean) if mean > rounding else float("nan")
