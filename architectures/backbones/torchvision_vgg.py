"""VGG-16 as torchvision has it: trained anew, so its channels are others than those of keras.applications."""

from typing import Literal

import keras
from keras import layers, ops

from architectures.backbones.torchvision import Torchvision, convolution, flatten, max_pool
from architectures.weights.files import RemoteFile
from common.registry import BACKBONES

# The blocks: convolutions and channels of each.
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
# DISTS' own; it keeps the gradient of the root finite.
_SMALLEST_SQUARE = 1e-12


@keras.saving.register_keras_serializable("retrace")
class L2Pooling(layers.Layer):
    """The root of the squares that a 3×3 Hann window averages, at every second position.

    Ding et al., "Image quality assessment: unifying structure and texture similarity", arXiv 2004.07728.
    """

    strides = (2, 2)

    def call(self, inputs):
        squares = ops.pad(ops.square(inputs), [(0, 0), (1, 1), (1, 1), (0, 0)])
        # The window is [1 2 1] / 4 along both axes, which is two means of neighbours.
        squares = ops.average_pool(squares, 2, strides=1, data_format="channels_last")
        squares = ops.average_pool(squares, 2, strides=2, data_format="channels_last")
        return ops.sqrt(squares + _SMALLEST_SQUARE)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, (height + 1) // 2, (width + 1) // 2, channels


@BACKBONES.register("torchvision_vgg16")
class TorchvisionVGG16(Torchvision):
    """VGG-16 of torchvision: thirteen 3×3 convolutions. Taps such as `features.8`, the end of block 2.

    Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", arXiv 1409.1556. The
    published heads of LPIPS and the weights of DISTS belong to these weights; those of `vgg16` are another training.

    Args:
        pooling: max, as published. l2: root of the squares that a Hann window averages, as DISTS replaces it.
    """

    name = "torchvision_vgg16"
    published = RemoteFile("https://download.pytorch.org/models/vgg16-397923af.pth", "397923af")

    def __init__(self, pooling: Literal["max", "l2"] = "max"):
        self.pooling = pooling

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        image = tensor = keras.Input(image_shape, name="image")
        index = 0
        for count, channels in _BLOCKS:
            for _ in range(count):
                tensor = convolution(tensor, channels, 3, f"features.{index}", padding=1)
                tensor = layers.ReLU(name=f"features.{index + 1}")(tensor)
                index += 2
            name = f"features.{index}"
            tensor = max_pool(tensor, 2, 2, name) if self.pooling == "max" else L2Pooling(name=name)(tensor)
            index += 1
        tensor = layers.AdaptiveAveragePooling2D(7, name="avgpool")(tensor)
        tensor = flatten(tensor, "avgpool")
        for index in (0, 3):
            tensor = layers.Dense(4096, name=f"classifier.{index}")(tensor)
            tensor = layers.ReLU(name=f"classifier.{index + 1}")(tensor)
            tensor = layers.Dropout(0.5, name=f"classifier.{index + 2}")(tensor)
        return keras.Model(image, layers.Dense(1000, name="classifier.6")(tensor), name=self.name)

    def describe(self, operation: keras.Operation) -> str:
        return _PLACES.get(operation.name, super().describe(operation))


def _places() -> dict[str, str]:
    """Tap → what it is, in a few words."""
    places, index = {}, 0
    for block, (count, _) in enumerate(_BLOCKS, start=1):
        for number in range(1, count + 1):
            places[f"features.{index}"] = f"conv{block}_{number}, before its ReLU"
            places[f"features.{index + 1}"] = f"conv{block}_{number}"
            index += 2
        places[f"features.{index}"] = f"pool{block}"
        index += 1
    return places | {"classifier.6": "the 1000 logits"}


_PLACES = _places()
