"""MobileNetV2."""

import keras

from architectures.backbones.applications import ADDRESS, Application
from architectures.weights.files import RemoteFile
from architectures.weights.preprocessing import SIGNED
from common.registry import BACKBONES

_STEM = f"{ADDRESS}mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224"


@BACKBONES.register("mobilenet_v2")
class MobileNetV2(Application):
    """MobileNetV2 at width 1: inverted residual blocks. Taps such as `block_3_expand_relu`.

    Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", arXiv 1801.04381. Its weights were
    published without a digest.
    """

    name = "mobilenet_v2"
    preprocessing = SIGNED
    constructor = keras.applications.MobileNetV2
    published = RemoteFile(f"{_STEM}.h5")
    published_without_head = RemoteFile(f"{_STEM}_no_top.h5")
    head = ("predictions",)
