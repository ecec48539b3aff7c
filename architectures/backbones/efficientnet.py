"""EfficientNet-B0."""

from collections.abc import Collection
from pathlib import Path

import keras
import numpy as np

from architectures.backbones.applications import Application
from architectures.weights.files import RemoteFile
from architectures.weights.preprocessing import BYTES
from common.registry import BACKBONES

_ADDRESS = "https://storage.googleapis.com/keras-applications/"
_MEAN = np.array([0.485, 0.456, 0.406])
_DEVIATION = np.array([0.229, 0.224, 0.225], "float32")


@BACKBONES.register("efficientnet_b0")
class EfficientNetB0(Application):
    """EfficientNet-B0: inverted residual blocks with squeeze and excitation. Taps such as `block3b_add`.

    Tan & Le, "EfficientNet: rethinking model scaling for convolutional neural networks", arXiv 1905.11946.
    """

    name = "efficientnet_b0"
    preprocessing = BYTES
    constructor = keras.applications.EfficientNetB0
    published = RemoteFile(f"{_ADDRESS}efficientnetb0.h5", "902e53a9f72be733fc0bcb005b3ebbac")
    published_without_head = RemoteFile(f"{_ADDRESS}efficientnetb0_notop.h5", "50bc09e76180e00e4465e1a485ddc09d")
    head = ("predictions",)

    def read(self, path: Path, network: keras.Model, wanted: Collection[str]) -> dict[str, list[np.ndarray]]:
        arrays = super().read(path, network, wanted)
        for layer in network.layers:
            if not isinstance(layer, keras.layers.Normalization) or layer.name not in arrays:
                continue
            mean, variance, count = arrays[layer.name]
            # keras.applications inserts a division by sqrt(deviation) after this layer, but only where it loads
            # ImageNet's weights itself (tensorflow#49930). Weights trained so carry ImageNet's means here.
            if np.allclose(mean.ravel(), _MEAN, atol=1e-3):
                variance = variance * _DEVIATION.reshape((1,) * (variance.ndim - 1) + (3,))
            arrays[layer.name] = [mean, variance, count]
        return arrays
