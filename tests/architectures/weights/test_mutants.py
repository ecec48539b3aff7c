"""300 damaged copies of a file in each format of weights: read or refused with a line, soon and in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from architectures.weights.hdf5 import _request, read_hdf5
from tests.architectures.weights.mutants import mutant
from tests.architectures.weights.test_hdf5 import small, write_published
from tests.architectures.weights.test_pth_reader import archive, legacy, state, tensor

LAYERS = ["a", "a_bn", "b", "b_bn"]


def outcomes(path, *request):
    script = Path(__file__).with_name("mutants.py")
    done = subprocess.run(
        [sys.executable, script, path, *request], capture_output=True, text=True, check=True, timeout=300
    )
    found = json.loads(done.stdout)
    assert sum(found.values()) == 300
    return found


@pytest.mark.parametrize("write", [archive, legacy])
def test_pth(tmp_path, write):
    found = outcomes(write(tmp_path / "net.pth", state(tensor(), tensor(offset=1, shape=(2,), strides=(2,)))))
    assert set(found) == {"values", "line"}, found


def test_safetensors(tmp_path):
    save_file({name: np.ones((2, 3), "float32") for name in "ab"}, tmp_path / "net.safetensors", {"format": "pt"})
    found = outcomes(tmp_path / "net.safetensors")
    assert set(found) == {"values", "line"}, found


@pytest.mark.parametrize("name", ["net.weights.h5", "net.h5"])
def test_hdf5(tmp_path, name):
    network, path = small(), tmp_path / name
    if name == "net.h5":
        write_published(path, network, lambda layer: layer)
    else:
        network.save_weights(path)
    found = outcomes(path, json.dumps(_request(path, network, LAYERS, None)))
    assert set(found) <= {"values", "line", "stopped"}, found


def test_keras_archives(tmp_path):
    """They are refused, whatever they hold; some mutants are no archives any more."""
    network = small()
    network.save(tmp_path / "net.keras")
    data = (tmp_path / "net.keras").read_bytes()
    mutants = [mutant(data, seed) for seed in range(300)]
    others = [copy for copy in mutants if copy[:2] != b"PK"]
    for copy in [*(copy for copy in mutants if copy[:2] == b"PK"), *others[:3]]:
        (tmp_path / "net.keras").write_bytes(copy)
        with pytest.raises(ValueError, match=r"net\.keras (is a zip archive|cannot be read)"):
            read_hdf5(tmp_path / "net.keras", network, LAYERS)
