"""rFID: the Fréchet distance of reconstructions from their originals."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from architectures.frechet import GaussianSummary, frechet_distance
from architectures.metrics.metric import SetMetric
from architectures.network_measure import InNetwork, NetworkMeasure
from common.registry import METRICS

# The network of published figures.
_PUBLISHED = "fid_inception"


class _Features:
    """A summary of images: the mean and the covariance of their features."""

    def __init__(self, metric: "RFID"):
        self._metric = metric
        self.gaussian: GaussianSummary | None = None

    def add(self, images: np.ndarray) -> None:
        """See Summary."""
        features = self._metric.features(images)
        if self.gaussian is None:
            self.gaussian = GaussianSummary(features.shape[1])
        self.gaussian.add(features)


@METRICS.register("rfid")
class RFID(InNetwork, SetMetric):
    """Fréchet distance between the features of originals and of reconstructions, over a split. Smaller is better.

    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", arXiv
    1706.08500. It needs at least 2,000 images, for a covariance of fewer is mostly noise, and its value falls with
    their number: figures compare only where the whole recipe is the same, which metrics.json has beside them. Published
    figures are of 50,000 images and the network `fid_inception`; in any other it is a distance of its own, and tables
    call it so.

    Args:
        backbone: The network. By default one whose weights are in each install, with its vector of 1,280 numbers.
        taps: The layer whose output counts, or several side by side; of a map the mean over positions is taken.
        weights: `pretrained` or `imagenet`, `none`, a file, or a weights package such as `hed_bsds500`.
        preprocessing: What the weights expect of an image, as `encoder.preprocessing` takes it. Unset: the network's
            own.
        input_size: Images are resized to this before the network. Unset: as they are, or the only size it takes.

    Example:
        rfid: {backbone: fid_inception, taps: [avgpool], weights: pt_inception-2015-12-05-6726825d.pth}
    """

    label = "rFID"
    direction = "min"
    minimum_images = 2000

    def __init__(
        self,
        backbone: str | Mapping[str, Mapping[str, Any]] = "efficientnet_lite0",
        taps: Iterable[str] | Mapping[str, float] = ("avgpool",),
        weights: str = "pretrained",
        preprocessing: str | Mapping[str, Any] | None = None,
        input_size: int | tuple[int, int] | None = None,
    ):
        self.measure = NetworkMeasure("metrics.rfid", backbone, taps, weights, preprocessing, input_size)
        if self.measure.backbone != _PUBLISHED:
            self.label = f"Fréchet distance in {self.measure.backbone}"
        self._compiled = tf.function(self._of_images, reduce_retracing=True)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Float32 [batch, features] of images, float [batch, height, width, 1 or 3] in [0, 1]."""
        return self._compiled(tf.convert_to_tensor(images, tf.float32)).numpy()

    def _of_images(self, images):
        height, width, channels = images.shape[1:]
        taps = [ops.cast(tap, "float32") for tap in self.measure.network((height, width, channels))(images)]
        return ops.concatenate([ops.mean(tap, axis=tuple(range(1, tap.ndim - 1))) for tap in taps], axis=-1)

    def summary(self) -> _Features:
        """See SetMetric."""
        return _Features(self)

    def compare(self, originals: _Features, reconstructions: _Features) -> float:
        """See SetMetric."""
        if originals.gaussian is None or reconstructions.gaussian is None:
            raise ValueError("rfid: there are no images to compare; add some to both summaries")
        return frechet_distance(originals.gaussian, reconstructions.gaussian)
