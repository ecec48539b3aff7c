"""LPIPS as a loss."""

import keras

from architectures.lpips import Lpips, Trunk
from architectures.network_measure import InNetwork
from common.registry import LOSSES


@LOSSES.register("lpips")
class LPIPS(InNetwork, keras.losses.Loss):
    """Learned perceptual distance: 0 for equal images, about 0.7 for unlike ones.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", arXiv 1801.03924, with
    version 0.1 of its heads; equal to the package lpips to 1e-4. Images of at least 32 pixels a side (63 with alexnet).

    Args:
        network: The trunk. `vgg16` is not that of the paper: the heads weigh channels that it has elsewhere.
        weights: Of the trunk. pretrained: torchvision's, downloaded once. Or a file of them, `none`, or for vgg16 a
            weights package.

    Example:
        lpips: {network: torchvision_vgg16, weights: vgg16-397923af.pth}

    Call:
        y_true, y_pred: float [batch, height, width, 1 or 3] in [0, 1]; grey images are repeated to 3 channels.
        Returns float32 [batch]: one value per image.
    """

    window = 32

    def __init__(self, network: Trunk = "torchvision_vgg16", weights: str = "pretrained", **kwargs):
        super().__init__(**kwargs)
        self.measure = Lpips(self.name, network, weights)

    def call(self, y_true, y_pred):
        return self.measure(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "network": self.measure.backbone, "weights": self.measure.weights}
