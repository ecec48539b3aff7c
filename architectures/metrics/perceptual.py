"""Distance in the features of a frozen network."""

from collections.abc import Iterable, Mapping
from typing import Any

from architectures.metrics.metric import Metric
from architectures.network_measure import InNetwork
from architectures.perceptual import Distance, PerceptualDistance
from common.registry import METRICS


@METRICS.register("perceptual")
class Perceptual(InNetwork, Metric):
    """Distance of activations in a frozen network, as the loss of this name measures it. Smaller is better.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", arXiv 1801.03924. To judge
    a model that was trained with the loss, measure at other taps, or in another network.

    Args:
        backbone: The network.
        taps: The layers that are compared: a list, or a weight for each.
        weights: `pretrained` or `imagenet`, `none`, a file, or a weights package such as `hed_bsds500`.
        preprocessing: What the weights expect of an image, as `encoder.preprocessing` takes it. Unset: the network's
            own.
        input_size: Images are resized to this before the network. Unset: as they are.
        distance: l1: absolute differences. l2: squared differences.
        unit_channels: Divide each position's channels by their length first.

    Example:
        perceptual: {backbone: vgg16, weights: hed_bsds500, taps: [block2_conv2, block3_conv3]}
    """

    direction = "min"

    def __init__(
        self,
        backbone: str | Mapping[str, Mapping[str, Any]],
        taps: Iterable[str] | Mapping[str, float],
        weights: str = "pretrained",
        preprocessing: str | Mapping[str, Any] | None = None,
        input_size: int | tuple[int, int] | None = None,
        distance: Distance = "l2",
        unit_channels: bool = True,
    ):
        self.measure = PerceptualDistance(
            "metrics.perceptual", backbone, taps, weights, preprocessing, input_size, distance, unit_channels
        )

    def __call__(self, originals, reconstructions):
        return self.measure(originals, reconstructions)
