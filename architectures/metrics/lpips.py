"""LPIPS, the learned perceptual distance."""

from architectures.lpips import Lpips, Trunk
from architectures.metrics.metric import Metric
from architectures.network_measure import InNetwork
from common.registry import METRICS


@METRICS.register("lpips")
class LPIPS(InNetwork, Metric):
    """Learned perceptual distance: 0 for equal images, about 0.7 for unlike ones. Smaller is better.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", arXiv 1801.03924, with
    version 0.1 of its heads, for images in [0, 1]; equal to the package lpips to 1e-4. Trunks give other figures: state
    which one. Images of at least 63 pixels a side (32 with a VGG).

    Args:
        network: The trunk. `vgg16` is not that of the paper: the heads weigh channels that it has elsewhere, so its
            figures compare only with its own.
        weights: Of the trunk. pretrained: torchvision's, downloaded once. Or a file of them, `none`, or for vgg16 a
            weights package.

    Example:
        lpips: {network: torchvision_vgg16, weights: vgg16-397923af.pth}
    """

    label = "LPIPS"
    direction = "min"
    window = 32

    def __init__(self, network: Trunk = "alexnet", weights: str = "pretrained"):
        self.measure = Lpips("metrics.lpips", network, weights)
        self.label = self.measure.label

    def __call__(self, originals, reconstructions):
        return self.measure(originals, reconstructions)
