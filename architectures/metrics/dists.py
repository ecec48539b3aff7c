"""DISTS, the distance of structure and texture."""

from architectures.dists import Dists
from architectures.metrics.metric import Metric
from architectures.network_measure import InNetwork
from common.registry import METRICS


@METRICS.register("dists")
class DISTS(InNetwork, Metric):
    """Distance of structure and texture: 0 for equal images, below 1; texture may move. Smaller is better.

    Ding et al., "Image quality assessment: unifying structure and texture similarity", arXiv 2004.07728, with its
    published weights; equal to the package DISTS-pytorch to 1e-4. The authors resize the short side to 256 pixels
    first; here images stay as they are.

    Args:
        weights: Of torchvision's VGG-16. pretrained: downloaded once. Or a file of them, or `none`.

    Example:
        dists: {weights: vgg16-397923af.pth}
    """

    label = "DISTS"
    direction = "min"
    window = 32

    def __init__(self, weights: str = "pretrained"):
        self.measure = Dists("metrics.dists", weights)

    def __call__(self, originals, reconstructions):
        return self.measure(originals, reconstructions)
