"""The two sides of an adversarial loss."""

from typing import Literal

import keras
from keras import ops

from architectures.images import float32_pair, mean_per_image
from common.registry import LOSSES

Kind = Literal["hinge", "non_saturating", "least_squares"]


@LOSSES.register("adversarial")
class Adversarial(keras.losses.Loss):
    """Generator loss: rewards realistic detail at some cost in pixel accuracy.

    With D the logits of a reconstruction: hinge -D, non_saturating log(1 + exp(-D)), least_squares (D - 1)²; averaged
    over patches. Lim and Ye, "Geometric GAN", arXiv 1705.02894; Goodfellow et al., arXiv 1406.2661; Mao et al., "Least
    squares generative adversarial networks", arXiv 1611.04076.

    Args:
        kind: hinge: the logits themselves. non_saturating: strong where the discriminator sees through it.
            least_squares: towards logits of 1.
        adaptive: Multiply the weight by the ratio of the norms of the gradients of all other terms and of this one,
            at the decoder's last layer (Esser et al., arXiv 2012.09841): it then weighs as much as they do.

    Call:
        y_true: Not used; only its shape must fit.
        y_pred: Logits of reconstructions, float [batch, height, width, channels]; a trained reconstructor passes them.
        Returns float32 [batch]: one value per image.
    """

    needs = ("discriminator",)

    def __init__(self, kind: Kind = "hinge", adaptive: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.adaptive = adaptive

    def call(self, y_true, y_pred):
        _, logits = float32_pair(y_true, y_pred)
        if self.kind == "hinge":
            return -mean_per_image(logits)
        if self.kind == "non_saturating":
            return mean_per_image(ops.softplus(-logits))
        return mean_per_image(ops.square(logits - 1.0))

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "adaptive": self.adaptive}


def discriminator_loss(kind: Kind, originals, reconstructions):
    """What the discriminator minimises: logits above 0 (or of 1) on originals, below 0 (or of 0) on reconstructions.

    Args:
        kind: See `Adversarial`; the two sides need not be of one kind.
        originals: Logits of originals, float [batch, height, width, channels].
        reconstructions: Logits of reconstructions, the same shape.

    Returns:
        Float32 [batch]: the mean of both halves. A discriminator that cannot distinguish them has 1 (hinge), 0.69
        (non_saturating) or 0.25 (least_squares).
    """
    originals, reconstructions = float32_pair(originals, reconstructions)
    if kind == "hinge":
        halves = ops.relu(1.0 - originals), ops.relu(1.0 + reconstructions)
    elif kind == "non_saturating":
        halves = ops.softplus(-originals), ops.softplus(reconstructions)
    else:
        halves = ops.square(originals - 1.0), ops.square(reconstructions)
    return 0.5 * sum(mean_per_image(half) for half in halves)
