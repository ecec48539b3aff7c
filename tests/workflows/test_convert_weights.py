"""PyTorch's files to safetensors."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from builders.errors import RequestError
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
