"""PyTorch's weights in Keras layers, from either kind of file."""

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from architectures.weights.torch_state import read_state, read_torch


def network():
    image = keras.Input((8, 8, 3))
    tensor = keras.layers.BatchNormalization(name="bn")(keras.layers.Conv2D(2, 3, name="conv")(image))
    return keras.Model(image, keras.layers.Dense(5, name="fc")(keras.layers.Flatten()(tensor)), name="small")


def state():
    generator = np.random.default_rng(0)
    shapes = {
        "conv.weight": (2, 3, 3, 3),
        "conv.bias": (2,),
        "fc.weight": (5, 72),
        "fc.bias": (5,),
        **{f"bn.{part}": (2,) for part in ("weight", "bias", "running_mean", "running_var")},
    }
    return {name: generator.random(shape, "float32") for name, shape in shapes.items()}


def test_layout_of_every_kind(tmp_path):
    weights = state()
    save_file(weights, tmp_path / "net.safetensors")
    arrays = read_torch(tmp_path / "net.safetensors", network(), ["conv", "bn", "fc"])
    np.testing.assert_array_equal(arrays["conv"][0], weights["conv.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(arrays["fc"][0], weights["fc.weight"].T)
    parts = ("weight", "bias", "running_mean", "running_var")
    for value, part in zip(arrays["bn"], parts):
        np.testing.assert_array_equal(value, weights[f"bn.{part}"])


def test_what_does_not_fit_is_named(tmp_path):
    weights = state() | {"conv.weight": np.zeros((2, 3, 5, 5), "float32")}
    save_file(weights, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"conv\.weight should fill \[3, 3, 3, 2\].*shape \[2, 3, 5, 5\]"):
        read_torch(tmp_path / "net.safetensors", network(), ["conv"])


def test_files_of_other_kinds(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        read_state(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"of no known kind; expected \.pth, \.pt or \.safetensors"):
        read_state(tmp_path / "net.ckpt")
