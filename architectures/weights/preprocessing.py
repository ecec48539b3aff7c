"""The preprocessing that weights expect, applied inside the encoder and exported with it, and packages of weights."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Preprocessing:
    """An affine map from RGB in [0, 1] to the input that weights were trained with.

    It belongs to the weights, not to the network: two trainings of one network may use different ones.

    Args:
        scale: Factor of each channel, or one for all.
        offset: Added to each channel after scaling, or one for all.
        bgr: Channels are reversed first; scale and offset are then in the order blue, green, red.
    """

    scale: float | tuple[float, float, float] = 1.0
    offset: float | tuple[float, float, float] = 0.0
    bgr: bool = False

    def __call__(self, image):
        """Applies the map in float32, also where later layers compute in half precision.

        Args:
            image: Float32 Keras tensor [batch, height, width, 1 or 3] in [0, 1], RGB.

        Returns:
            Float32 Keras tensor of the same shape.
        """
        import keras

        if self.bgr:
            image = keras.ops.flip(image, axis=-1)
        if not isinstance(self.scale, tuple) and (self.scale, self.offset) == (1.0, 0.0):
            return image
        return keras.layers.Rescaling(self.scale, self.offset, dtype="float32", name="preprocessing")(image)


# The four conventions of keras.applications and torchvision.
CAFFE = Preprocessing(255.0, (-103.939, -116.779, -123.68), bgr=True)
TORCH = Preprocessing((1 / 0.229, 1 / 0.224, 1 / 0.225), (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225))
SIGNED = Preprocessing(2.0, -1.0)
BYTES = Preprocessing(255.0)

_WORDS = {"caffe": CAFFE, "torch": TORCH, "tf": SIGNED, "none": Preprocessing()}


def preprocessing_of(value: str | Mapping[str, Any] | None) -> Preprocessing | None:
    """What a spec's `preprocessing` describes: one of the usual names, or `scale`, `offset` and `channels`."""
    if value is None or isinstance(value, str):
        return None if value is None else _WORDS[value]
    scale, offset = value.get("scale", 1.0), value.get("offset", 0.0)
    return Preprocessing(_each(scale), _each(offset), value.get("channels", "rgb") == "bgr")


def _each(value: Any) -> float | tuple[float, float, float]:
    if isinstance(value, int | float):
        return float(value)
    first, second, third = value
    return float(first), float(second), float(third)


class WeightsPackage(ABC):
    """Weights for one backbone from an installed Python package.

    Attributes:
        backbone: Registry name of the backbone.
        preprocessing: The preprocessing that they expect.
    """

    backbone: str
    preprocessing: Preprocessing

    @abstractmethod
    def arrays(self, layers: list[str]) -> dict[str, list[np.ndarray]]:
        """The weights of some layers, in the order of the layer's variables; missing layers are left out.

        Raises:
            ValueError: The package is not installed or its file is damaged.
        """
