"""AlexNet as torchvision has it."""

import keras
from keras import layers

from architectures.backbones.torchvision import Torchvision, convolution, flatten, max_pool
from architectures.weights.files import RemoteFile
from common.registry import BACKBONES

# The names of the paper's layers, as Dosovitskiy & Brox use them.
_PAPER = {
    "features.0": "conv1, before its ReLU",
    "features.1": "conv1",
    "features.2": "pool1",
    "features.3": "conv2, before its ReLU",
    "features.4": "conv2",
    "features.5": "pool2",
    "features.6": "conv3, before its ReLU",
    "features.7": "conv3",
    "features.8": "conv4, before its ReLU",
    "features.9": "conv4",
    "features.10": "conv5, before its ReLU",
    "features.11": "conv5",
    "features.12": "pool5",
    "avgpool": "pool5 averaged to 6×6",
    "classifier.0": "pool5 as a vector (dropout is off)",
    "classifier.1": "fc6, before its ReLU",
    "classifier.2": "fc6",
    "classifier.3": "fc6 (dropout is off)",
    "classifier.4": "fc7, before its ReLU",
    "classifier.5": "fc7",
    "classifier.6": "fc8: the 1000 logits",
}


@BACKBONES.register("alexnet")
class AlexNet(Torchvision):
    """AlexNet of torchvision: five convolutions, three dense layers. Taps such as `features.5` (pool2).

    Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997.
    """

    name = "alexnet"
    minimum_size = 63
    published = RemoteFile("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", "7be5be79")

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        image = tensor = keras.Input(image_shape, name="image")

        def convolve(tensor, index: int, filters: int, kernel: int, stride: int = 1, padding: int = 0):
            tensor = convolution(tensor, filters, kernel, f"features.{index}", stride, padding)
            return layers.ReLU(name=f"features.{index + 1}")(tensor)

        tensor = convolve(tensor, 0, 64, 11, stride=4, padding=2)
        tensor = max_pool(tensor, 3, 2, "features.2")
        tensor = convolve(tensor, 3, 192, 5, padding=2)
        tensor = max_pool(tensor, 3, 2, "features.5")
        tensor = convolve(tensor, 6, 384, 3, padding=1)
        tensor = convolve(tensor, 8, 256, 3, padding=1)
        tensor = convolve(tensor, 10, 256, 3, padding=1)
        tensor = max_pool(tensor, 3, 2, "features.12")
        tensor = layers.AdaptiveAveragePooling2D(6, name="avgpool")(tensor)
        tensor = layers.Dropout(0.5, name="classifier.0")(flatten(tensor, "avgpool"))
        tensor = layers.ReLU(name="classifier.2")(layers.Dense(4096, name="classifier.1")(tensor))
        tensor = layers.Dropout(0.5, name="classifier.3")(tensor)
        tensor = layers.ReLU(name="classifier.5")(layers.Dense(4096, name="classifier.4")(tensor))
        return keras.Model(image, layers.Dense(1000, name="classifier.6")(tensor), name=self.name)

    def describe(self, operation: keras.Operation) -> str:
        return _PAPER[operation.name]
