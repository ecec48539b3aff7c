"""Perceptual loss: distance in the features of a frozen network."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras

from architectures.network_measure import InNetwork
from architectures.perceptual import Distance, PerceptualDistance
from common.registry import LOSSES


@LOSSES.register("perceptual")
class Perceptual(InNetwork, keras.losses.Loss):
    """Distance of activations in a frozen network: textures and edges count, not single pixels.

    The sum over taps of weight · distance. By default channels are scaled to unit length at every position and their
    squared differences are summed, then averaged over positions: 0 (equal) to 2 for a tap after a ReLU, whatever
    network and layer, as in LPIPS without its learned channel weights.

    Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution",
    arXiv 1603.08155; Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric",
    arXiv 1801.03924, equation 1.

    Args:
        backbone: The network.
        taps: The layers that are compared: a list, or a weight for each.
        weights: `pretrained` or `imagenet`, `none`, a file, or a weights package such as `hed_bsds500`.
        preprocessing: What the weights expect of an image, as `encoder.preprocessing` takes it. Unset: the network's
            own.
        input_size: Images are resized to this before the network. Unset: as they are.
        distance: l1: absolute differences. l2: squared differences.
        unit_channels: Divide each position's channels by their length first. false: compare activations as they are,
            averaged over channels; their size then differs from layer to layer by orders of magnitude.

    Example:
        perceptual: {backbone: vgg16, weights: hed_bsds500, taps: [block2_conv2, block3_conv3]}

    Call:
        y_true, y_pred: float [batch, height, width, 1 or 3] in [0, 1]; grey images are repeated to 3 channels.
        Returns float32 [batch]: one value per image.
    """

    def __init__(
        self,
        backbone: str | Mapping[str, Mapping[str, Any]],
        taps: Iterable[str] | Mapping[str, float],
        weights: str = "pretrained",
        preprocessing: str | Mapping[str, Any] | None = None,
        input_size: int | tuple[int, int] | None = None,
        distance: Distance = "l2",
        unit_channels: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.measure = PerceptualDistance(
            self.name, backbone, taps, weights, preprocessing, input_size, distance, unit_channels
        )

    def call(self, y_true, y_pred):
        return self.measure(y_true, y_pred)

    def get_config(self):
        measure = self.measure
        return {
            **super().get_config(),
            "backbone": {measure.backbone: dict(measure.arguments)},
            "taps": dict(measure.taps),
            "weights": measure.weights,
            "preprocessing": measure.preprocessing,
            "input_size": measure.input_size,
            "distance": measure.distance,
            "unit_channels": measure.unit_channels,
        }
