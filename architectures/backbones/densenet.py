"""DenseNet-121."""

import keras

from architectures.backbones.applications import Application, published_pair
from architectures.weights.preprocessing import TORCH
from common.registry import BACKBONES


@BACKBONES.register("densenet121")
class DenseNet121(Application):
    """DenseNet-121: every layer sees all before it. Taps such as `conv3_block12_concat`.

    Huang et al., "Densely connected convolutional networks", arXiv 1608.06993.
    """

    name = "densenet121"
    preprocessing = TORCH
    constructor = keras.applications.DenseNet121
    published, published_without_head = published_pair(
        "densenet", "densenet121", "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"
    )
    head = ("predictions",)
