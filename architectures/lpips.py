"""LPIPS: the perceptual distance whose channels are weighted as people judge; what loss and metric share."""

from functools import cached_property
from typing import Literal

import numpy as np

from architectures.perceptual import PerceptualDistance
from architectures.weights.published_measures import published_values

Trunk = Literal["alexnet", "torchvision_vgg16", "vgg16"]
# Trunk → its heads, and the taps that they weigh. `vgg16` has the same shape as torchvision's, and other channels.
_HEADS = {
    "alexnet": ("lpips_alex", tuple(f"features.{index}" for index in (1, 4, 7, 9, 11))),
    "torchvision_vgg16": ("lpips_vgg", tuple(f"features.{index}" for index in (3, 8, 15, 22, 29))),
    "vgg16": ("lpips_vgg", ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")),
}


class Lpips(PerceptualDistance):
    """Squared differences of unit-length channels, weighted by heads, averaged over positions, summed over taps.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", arXiv 1801.03924, with
    version 0.1 of the published heads. The reference's scaling of images is the trunks' own preprocessing.

    Args:
        name: What the frozen network is called in a run's environment.json.
        network: The trunk.
        weights: Its weights: `pretrained`, `none`, a weights package or a file.
    """

    def __init__(self, name: str, network: Trunk, weights: str):
        self._heads, taps = _HEADS[network]
        super().__init__(name, network, taps, weights)

    @cached_property
    def _weights(self) -> dict[str, np.ndarray]:
        """Tap → float32 [channels], none negative."""
        heads = published_values(self._heads)
        return {tap: heads[f"lin{number}"] for number, tap in enumerate(self.tap_names)}

    def channel_weights(self, tap: str) -> np.ndarray:
        """See PerceptualDistance."""
        return self._weights[tap]

    @property
    def label(self) -> str:
        """What tables call the figure: the heads were fitted to torchvision's networks, and to no others."""
        return "LPIPS" if self.backbone != "vgg16" else "LPIPS heads on vgg16"
