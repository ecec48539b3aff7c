"""DISTS as a loss."""

import keras

from architectures.dists import Dists
from architectures.network_measure import InNetwork
from common.registry import LOSSES


@LOSSES.register("dists")
class DISTS(InNetwork, keras.losses.Loss):
    """Distance of structure and texture: 0 for equal images, below 1; texture may move without a cost.

    Ding et al., "Image quality assessment: unifying structure and texture similarity", arXiv 2004.07728, with its
    published weights; equal to the package DISTS-pytorch to 1e-4.

    Args:
        weights: Of torchvision's VGG-16. pretrained: downloaded once. Or a file of them, or `none`.

    Example:
        dists: {weights: vgg16-397923af.pth}

    Call:
        y_true, y_pred: float [batch, height, width, 1 or 3] in [0, 1]; grey images are repeated to 3 channels.
        Returns float32 [batch]: one value per image.
    """

    window = 32

    def __init__(self, weights: str = "pretrained", **kwargs):
        super().__init__(**kwargs)
        self.measure = Dists(self.name, weights)

    def call(self, y_true, y_pred):
        return self.measure(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "weights": self.measure.weights}
