"""ResNet-50 as torchvision has it: the stride is in a block's 3×3 convolution."""

import re

import keras
from keras import layers

from architectures.backbones.torchvision import Torchvision, convolution, max_pool
from architectures.weights.files import RemoteFile
from common.registry import BACKBONES

_STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
_EXPANSION = 4


@BACKBONES.register("torchvision_resnet50")
class TorchvisionResNet50(Torchvision):
    """ResNet-50 of torchvision. Taps such as `layer1.2.relu`, the end of stage 1 (stride 4, 256 channels).

    He et al., "Deep residual learning for image recognition", arXiv 1512.03385, in the variant known as V1.5. A block
    uses its module `relu` three times: the plain name is the last use, which ends the block; `relu.1` and `relu.2` are
    those inside.
    """

    name = "torchvision_resnet50"
    published = RemoteFile("https://download.pytorch.org/models/resnet50-0676ba61.pth", "0676ba61")

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        image = keras.Input(image_shape, name="image")
        tensor = convolution(image, 64, 7, "conv1", stride=2, padding=3, bias=False)
        tensor = layers.ReLU(name="relu")(_normalize(tensor, "bn1"))
        tensor = max_pool(tensor, 3, 2, "maxpool", padding=1)
        for stage, (blocks, width) in enumerate(_STAGES, start=1):
            for block in range(blocks):
                stride = 2 if stage > 1 and block == 0 else 1
                tensor = _bottleneck(tensor, width, stride, block == 0, f"layer{stage}.{block}")
        tensor = layers.GlobalAveragePooling2D(name="avgpool")(tensor)
        return keras.Model(image, layers.Dense(1000, name="fc")(tensor), name=self.name)

    def describe(self, operation: keras.Operation) -> str:
        end = re.fullmatch(r"layer(\d)\.(\d)\.relu", operation.name)
        if end:
            stage, block = int(end[1]), int(end[2])
            last = block == _STAGES[stage - 1][0] - 1
            return f"end of stage {stage}" if last else f"end of block {block} of stage {stage}"
        return {"avgpool": "the mean of each channel: the embedding", "fc": "the 1000 logits"}.get(
            operation.name, super().describe(operation)
        )


def _normalize(tensor, name: str):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(tensor)


def _bottleneck(tensor, width: int, stride: int, downsample: bool, name: str):
    """1×1, 3×3 with the stride, 1×1, each normalised; added to the block's input."""
    shortcut = tensor
    if downsample:
        shortcut = convolution(tensor, width * _EXPANSION, 1, f"{name}.downsample.0", stride=stride, bias=False)
        shortcut = _normalize(shortcut, f"{name}.downsample.1")
    tensor = convolution(tensor, width, 1, f"{name}.conv1", bias=False)
    tensor = layers.ReLU(name=f"{name}.relu.1")(_normalize(tensor, f"{name}.bn1"))
    tensor = convolution(tensor, width, 3, f"{name}.conv2", stride=stride, padding=1, bias=False)
    tensor = layers.ReLU(name=f"{name}.relu.2")(_normalize(tensor, f"{name}.bn2"))
    tensor = convolution(tensor, width * _EXPANSION, 1, f"{name}.conv3", bias=False)
    tensor = layers.Add(name=f"{name}.add.inner")([_normalize(tensor, f"{name}.bn3"), shortcut])
    return layers.ReLU(name=f"{name}.relu")(tensor)
