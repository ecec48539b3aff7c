"""PyTorch's weights in Keras layers, from either kind of file."""

import json
import os
import struct

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


def test_values_that_no_weight_has(tmp_path):
    path = tmp_path / "net.safetensors"
    for wrong in (np.nan, np.inf):
        weights = state()
        weights["conv.bias"][1] = wrong
        save_file(weights, path)
        with pytest.raises(ValueError, match=r"1 of the 2 values of conv\.bias are NaN or infinite"):
            read_torch(path, network(), ["conv"])
        assert sorted(read_torch(path, network(), ["fc"])) == ["fc"]
    save_file(state() | {"conv.bias": np.zeros(2, "complex64")}, path)
    with pytest.raises(ValueError, match=r"conv\.bias is of type C64; known are F64"):
        read_torch(path, network(), ["conv"])


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E8M0", "C64"])
def test_types_that_numpy_lacks(tmp_path, dtype):
    size = {"BF16": 4, "C64": 16}.get(dtype, 2)
    header = json.dumps({"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, size]}}).encode()
    (tmp_path / "net.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))
    with pytest.raises(ValueError, match=f"cannot be read as safetensors: a is of type {dtype}; known are"):
        read_state(tmp_path / "net.safetensors")


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo.safetensors")
    with (tmp_path / "sparse.safetensors").open("wb") as file:
        file.truncate(10**10)
    for name in ("fifo", "sparse", "none"):
        with pytest.raises(ValueError, match=rf"{name}\.safetensors cannot be read: "):
            read_state(tmp_path / f"{name}.safetensors")
