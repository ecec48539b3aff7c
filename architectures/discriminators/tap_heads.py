"""A discriminator on the features of a frozen network."""

from typing import Annotated

from architectures.discriminators.head import Head
from architectures.stacks.stack import Layer
from common.registry import DISCRIMINATORS, Range

_LEAK = {"LeakyReLU": {"negative_slope": 0.2}}


@DISCRIMINATORS.register("tap_heads")
class TapHeads(Head):
    """A small head on each tap of the backbone, with a logit for each position; taps count alike.

    After Sauer et al., "Projected GANs converge faster", arXiv 2111.01007, and "StyleGAN-T", arXiv 2301.09515: the
    frozen network sees what a discriminator would have to learn first. Without their random projections and spectral
    normalisation: each position's channels are normalised instead, whose scale differs between networks and depths.

    Args:
        width: Channels of the heads. Positive.
    """

    reads = "taps"

    def __init__(self, width: Annotated[int, Range(minimum=1)] = 256):
        if width < 1:
            raise ValueError(f"tap_heads.width must be at least 1, got {width}; the default is 256")
        self.width = width

    def layers(self, shape: tuple[int, ...]) -> list[Layer]:
        normalised: Layer = {"LayerNormalization": {}}
        if len(shape) != 3:  # vectors, and tokens without a grid
            return [normalised, {"Dense": {"units": self.width}}, _LEAK, {"Dense": {"units": 1}}]
        convolutions = [
            {"Conv2D": {"filters": filters, "kernel_size": size, "padding": "same"}}
            for filters, size in ((self.width, 1), (self.width, 3), (1, 1))
        ]
        return [normalised, convolutions[0], _LEAK, convolutions[1], _LEAK, convolutions[2]]
