"""Files of the Hub: addresses, the cache, and one line where a file cannot be had."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.hub import HubError, HubFile, is_address, parse_address, repository, suggested_address
from tests.hub_server import WRITER

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = b"small weights", bytes(range(256)) * 64
WRONG = r"""
hf:// hf://a hf://a/b hf://a/b/ hf://a/b//c.h5 hf://a/b/../c.h5 hf://a/b/./c.h5 hf://../b/c.h5 hf://a/../c.h5
hf://a/b@../c.h5 hf://a/b@/c.h5 hf://a/b/c\d.h5 hf://datasets/b/c.h5 hf://a--b/c/d.h5 hf://a/b@refs/heads/x/c.h5
"""
FETCH = """
import sys
from common.hub import cached_files
from architectures.weights.files import local_file
try:
    path = local_file(sys.argv[1])
    print(path)
    if len(sys.argv) > 2:
        print(cached_files(sys.argv[1:2]))
except ValueError as error:
    sys.exit(f"refused: {error}")
"""


def fetch(*arguments, **environment):
    """Standard output of a process that resolves an address, or its error."""
    done = subprocess.run(
        [sys.executable, "-c", FETCH, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) <= 1, done.stderr
    return done.stdout.strip() or done.stderr.strip()


@pytest.mark.parametrize(
    "address, expected",
    [
        ("hf://a/b/c.h5", HubFile("a/b", "c.h5")),
        ("HF://a/b/c.h5", HubFile("a/b", "c.h5")),
        ("hf://a-1/b.c_d/x y/ü.safetensors", HubFile("a-1/b.c_d", "x y/ü.safetensors")),
        ("hf://a/b@v1.0/x/c.pt", HubFile("a/b", "x/c.pt", "v1.0")),
        ("hf://a/b@refs/pr/12/c.pt", HubFile("a/b", "c.pt", "refs/pr/12")),
    ],
)
def test_addresses(address, expected):
    assert is_address(address) and parse_address(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *WRONG.split(),
        "hf://a/b/c\n.h5",
        "hf://a/b/\x1b[2J.h5",
        "hf://" + "a" * 200 + "/b/c.h5",
        "hf://a/b/" + "c" * 2000,
    ],
)
def test_wrong_addresses_are_refused_in_a_line(address):
    with pytest.raises(HubError) as caught:
        parse_address(address)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_a_page_of_the_hub_is_turned_into_its_address():
    assert suggested_address("https://huggingface.co/a/b/resolve/main/x/y.h5") == "hf://a/b/x/y.h5"
    assert suggested_address("https://huggingface.co/a/b/blob/v2/y.h5?download=true") is None
    assert suggested_address("https://example.org/a/b/blob/v2/y.h5") is None
    assert repository("hf://a/b@v2") == ("a/b", "v2")


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_file_is_downloaded_once_and_recorded(hub, tmp_path, content):
    commit = hub.add("owner/name", {"sub/w.h5": content, "other.txt": b"x"})
    path, record = fetch("hf://owner/name/sub/w.h5", "record").splitlines()
    assert Path(path).is_relative_to(tmp_path / "hf") and Path(path).read_bytes() == content
    expected = {"hf://owner/name/sub/w.h5": {"commit": commit, "sha256": hashlib.sha256(content).hexdigest()}}
    assert record == str(expected)
    assert {method for method, _ in hub.requests} == {"HEAD", "GET"}
    assert all("/resolve/" in path or path.startswith("/store/") for _, path in hub.requests)
    assert all("torch/" not in agent and "agent/" not in agent for agent in hub.agents)
    before = len(hub.requests)
    # Another commit of the branch changes nothing for a machine that has the file, and no network is needed.
    hub.add("owner/name", {"sub/w.h5": b"changed"})
    assert fetch("hf://owner/name/sub/w.h5") == path
    assert fetch("hf://owner/name/sub/w.h5", HF_HUB_OFFLINE="1") == path
    assert len(hub.requests) == before
    assert Path(fetch(f"hf://owner/name@{commit}/sub/w.h5")).read_bytes() == content


def test_private_files_need_a_token(hub):
    hub.add("owner/secret", {"w.h5": SMALL}, private=True)
    line = fetch("hf://owner/secret/w.h5")
    assert "there is no owner/secret" in line and "hf auth login" in line
    assert "does not know your token" in fetch("hf://owner/secret/w.h5", HF_TOKEN="hf_wrong")
    assert Path(fetch("hf://owner/secret/w.h5", HF_TOKEN=WRITER)).read_bytes() == SMALL


def test_what_is_missing_is_a_line_that_says_which_file_to_bring(hub):
    hub.add("owner/name", {"w.h5": SMALL})
    for address, why in [
        ("hf://owner/name/x/v.h5", "no such file"),
        ("hf://owner/name@v9/v.h5", "no revision 'v9'"),
        ("hf://owner/other/v.h5", "no owner/other"),
    ]:
        line = fetch(address)
        assert why in line and "bring v.h5 from http://127.0.0.1" in line and "give its path" in line
    assert "HF_HUB_OFFLINE is set" in fetch("hf://owner/name/w.h5", HF_HUB_OFFLINE="1")
    began = time.monotonic()
    line = fetch("hf://owner/name/w.h5", HF_ENDPOINT="http://127.0.0.1:1")
    assert "cannot be reached" in line and time.monotonic() - began < 10


def test_too_large_and_half_files_are_a_line(hub, tmp_path):
    hub.add("owner/name", {"w.h5": LARGE, "half.h5": LARGE[1:]})
    assert "more than 1,000" in fetch("hf://owner/name/w.h5", RETRACE_MEMORY_BUDGET="1000")
    hub.cut.add("half.h5")
    assert "broke off" in fetch("hf://owner/name/half.h5")
    assert not any(path.name == "half.h5" for path in tmp_path.rglob("*"))
    hub.cut.clear()
    assert Path(fetch("hf://owner/name/half.h5")).read_bytes() == LARGE[1:]
