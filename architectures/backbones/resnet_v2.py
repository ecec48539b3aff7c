"""ResNet-50 V2."""

import keras

from architectures.backbones.applications import Application, published_pair
from architectures.weights.preprocessing import SIGNED
from common.registry import BACKBONES


@BACKBONES.register("resnet50v2")
class ResNet50V2(Application):
    """ResNet-50 V2, normalised before each convolution. Taps such as `conv3_block4_out`.

    He et al., "Identity mappings in deep residual networks", arXiv 1603.05027.
    """

    name = "resnet50v2"
    preprocessing = SIGNED
    constructor = keras.applications.ResNet50V2
    published, published_without_head = published_pair(
        "resnet", "resnet50v2", "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"
    )
    head = ("predictions",)
