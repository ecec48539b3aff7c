"""VGG16 and VGG19."""

import keras

from architectures.backbones.applications import Application, published_pair
from architectures.weights.preprocessing import CAFFE
from common.registry import BACKBONES


@BACKBONES.register("vgg16")
class VGG16(Application):
    """VGG16: thirteen 3×3 convolutions in five blocks. Taps such as `block2_conv2`.

    Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", arXiv 1409.1556.
    """

    name = "vgg16"
    preprocessing = CAFFE
    constructor = keras.applications.VGG16
    published, published_without_head = published_pair(
        "vgg16", "vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"
    )
    head = ("fc1", "fc2", "predictions")


@BACKBONES.register("vgg19")
class VGG19(Application):
    """VGG19: sixteen 3×3 convolutions in five blocks. Taps such as `block3_conv4`.

    Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", arXiv 1409.1556.
    """

    name = "vgg19"
    preprocessing = CAFFE
    constructor = keras.applications.VGG19
    published, published_without_head = published_pair(
        "vgg19", "vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"
    )
    head = ("fc1", "fc2", "predictions")
