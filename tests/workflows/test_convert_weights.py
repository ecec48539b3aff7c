"""PyTorch's files to safetensors."""

import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from common.errors import RequestError
from tests.architectures.weights.test_pth_reader import archive, state, tensor, text
from workflows.convert_weights import convert_weights


def test_names_and_values_stay(tmp_path):
    torch = pytest.importorskip("torch")
    weights = {"a.weight": torch.randn(3, 4).t(), "a.bias": torch.randn(3), "count": torch.tensor(5)}
    torch.save(weights, tmp_path / "net.pth")
    converted = convert_weights(tmp_path / "net.pth", tmp_path / "net.safetensors")
    found = load_file(converted.path)
    assert converted.tensors == len(found) == 3
    assert converted.size == converted.path.stat().st_size
    for name, value in weights.items():
        assert found[name].shape == tuple(value.shape)
        np.testing.assert_array_equal(found[name], value.numpy())
    with safe_open(converted.path, framework="numpy") as file:
        assert file.metadata()["source"] == "net.pth"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pth", "net.safetensors"]


def test_no_tensorflow():
    code = "import sys, workflows.convert_weights; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("bad.pth", "out.pth", r"out\.pth: expected a name that ends in \.safetensors"),
        ("missing.pth", "out.safetensors", r"missing\.pth: there is no such file"),
        ("bad.pth", "none/out.safetensors", "there is no such folder"),
        ("bad.pth", "out.safetensors", r"bad\.pth cannot be read as PyTorch weights"),
    ],
)
def test_requests_that_cannot_be_met(tmp_path, source, target, message):
    (tmp_path / "bad.pth").write_bytes(b"bad")
    with pytest.raises(RequestError, match=message):
        convert_weights(tmp_path / source, tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pth"]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_is_refused_and_infinity_kept(tmp_path, wrong):
    """Masks consist of infinite values; NaN has no use."""
    values = np.array([0, 1, wrong, 3, 4, 5], "<f4")
    archive(tmp_path / "net.pth", state(tensor()), {"0": values.tobytes()})
    if np.isnan(wrong):
        with pytest.raises(RequestError, match=r"net\.pth: 1 of the 6 values of w0 are NaN"):
            convert_weights(tmp_path / "net.pth", tmp_path / "net.safetensors")
        return
    convert_weights(tmp_path / "net.pth", tmp_path / "net.safetensors")
    np.testing.assert_array_equal(load_file(tmp_path / "net.safetensors")["w0"].ravel(), values)


def test_sources_that_are_no_files_or_hold_names_that_no_file_can(tmp_path):
    os.mkfifo(tmp_path / "fifo.pth")
    archive(tmp_path / "name.pth", b"\x80\x02}(" + text("__metadata__") + tensor() + b"u.")
    for name, message in {
        "fifo.pth": "is not a regular file",
        "name.pth": "a tensor is called '__metadata__'",
        "a" * 300 + ".pth": "there is no such file",
        "a\x00.pth": r"a\\x00\.pth: there is no such file",
    }.items():
        with pytest.raises(RequestError, match=message):
            convert_weights(tmp_path / name, tmp_path / "net.safetensors")
    assert not (tmp_path / "net.safetensors").exists()
