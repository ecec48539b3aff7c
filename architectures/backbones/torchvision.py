"""The base of backbones with torchvision's architecture and weights."""

from collections.abc import Collection
from pathlib import Path

import keras
import numpy as np
from keras import layers

from architectures.backbones.base import FunctionalBackbone
from architectures.weights.preprocessing import TORCH
from architectures.weights.torch_state import read_torch
from common.formatting import printable

# Steps inside a PyTorch module are separate layers here; they are not taps.
_INNER = ".inner"


class Torchvision(FunctionalBackbone):
    """A network whose layers have torchvision's module names, with weights from `.pth` or `.safetensors` files."""

    preprocessing = TORCH

    def tappable(self, network: keras.Model) -> list[keras.Operation]:
        return [operation for operation in super().tappable(network) if not operation.name.endswith(_INNER)]

    def read(self, path: Path, network: keras.Model, wanted: Collection[str]) -> dict[str, list[np.ndarray]]:
        if path.suffix.lower() in (".h5", ".hdf5", ".keras"):
            raise ValueError(
                f"{printable(path)} is a Keras file; {self.name} takes torchvision's .pth, or .safetensors"
            )
        return read_torch(path, network, wanted)


def pad(tensor, amount: int, name: str):
    """Zeros on all four sides, as PyTorch's `padding=amount`; Keras' `padding: same` pads strided layers unevenly."""
    return layers.ZeroPadding2D(amount, name=f"{name}.pad{_INNER}")(tensor) if amount else tensor


def convolution(tensor, filters: int, kernel: int, name: str, stride: int = 1, padding: int = 0, bias: bool = True):
    """torch.nn.Conv2d with square kernels."""
    layer = layers.Conv2D(filters, kernel, strides=stride, use_bias=bias, name=name)
    return layer(pad(tensor, padding, name))


def max_pool(tensor, size: int, stride: int, name: str, padding: int = 0):
    """torch.nn.MaxPool2d after a ReLU, where padding with zeros equals PyTorch's minus infinity."""
    return layers.MaxPooling2D(size, stride, name=name)(pad(tensor, padding, name))


def flatten(tensor, name: str):
    """torch.flatten: channels first, then rows, then columns."""
    tensor = layers.Permute((3, 1, 2), name=f"{name}.permute{_INNER}")(tensor)
    return layers.Flatten(name=f"{name}.flatten{_INNER}")(tensor)
