"""ResNet-50 as keras.applications has it: the stride is in a block's first 1×1 convolution."""

import keras

from architectures.backbones.applications import Application, published_pair
from architectures.weights.preprocessing import CAFFE
from common.registry import BACKBONES


@BACKBONES.register("resnet50")
class ResNet50(Application):
    """ResNet-50 of keras.applications. Taps such as `conv2_block3_out` (stride 4, 256 channels).

    He et al., "Deep residual learning for image recognition", arXiv 1512.03385.
    """

    name = "resnet50"
    preprocessing = CAFFE
    constructor = keras.applications.ResNet50
    published, published_without_head = published_pair(
        "resnet", "resnet50", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"
    )
    head = ("predictions",)
