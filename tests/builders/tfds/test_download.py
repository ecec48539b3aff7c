"""Downloading: a network that is absent or dead costs seconds; what fails is one line."""

import socket
import time

import pytest

from builders.sources.tfds import Tfds
from builders.tfds import folder as download
from common.errors import RequestError


@pytest.fixture
def silent_server():
    """A server that accepts and never answers, like a network behind a firewall."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_a_dead_network_is_given_up_within_ten_seconds(silent_server, monkeypatch, tmp_path):
    assert download.PATIENCE < 9
    monkeypatch.setattr(download, "PROBED", silent_server)
    monkeypatch.setattr(download, "PATIENCE", 0.5)
    began = time.perf_counter()
    with pytest.raises(RequestError, match="no network") as error:
        Tfds("mnist", data_dir=str(tmp_path), download=True)
    assert time.perf_counter() - began < 2
    line = str(error.value)
    assert "\n" not in line and "tfds.builder('mnist', data_dir=" in line and str(tmp_path) in line


def test_no_network_at_all(closed_port, monkeypatch, tmp_path):
    monkeypatch.setattr(download, "PROBED", closed_port)
    with pytest.raises(RequestError, match=r"download: no network: .* cannot be reached \(.*refused\)"):
        download.prepare("mnist", tmp_path)


def test_a_prepared_dataset_asks_no_network(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "_unreachable", lambda: pytest.fail("the network was asked"))
    with pytest.raises(RequestError, match="not prepared"):
        Tfds("mnist", data_dir=str(tmp_path))


def test_what_tensorflow_datasets_says_last_is_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "_unreachable", lambda: None)
    monkeypatch.setattr(download, "_code", lambda name, folder: f"raise SystemExit('no such set: ' + {name})")
    with pytest.raises(RequestError, match=r"download: 'mnsit' cannot be prepared: no such set: mnsit$"):
        download.prepare("mnsit", tmp_path)
