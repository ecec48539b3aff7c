"""`push` and `pull`, through the shell, against a stand-in for the Hub."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_server import READER, WRITER
from workflows.export.manifest import describe_files, write_manifest

ROOT = Path(__file__).resolve().parents[3]
CARD = "---\nlicense: unknown\ntags: [retrace]\n---\n\n# digits\n"
# One small file, and one that goes through the Hub's store for large files.
FILES = {
    "decoder/saved_model.pb": b"graph",
    "decoder/variables/variables.data-00000-of-00001": bytes(range(256)) * 40,
    "images/a b.png": b"picture",
}


def shell(cwd, *arguments, status=0, **environment):
    """What a command prints; errors are a line each."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "HF_TOKEN": WRITER, **environment},
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if status:
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr
    assert done.stderr == ""
    return done.stdout


def make_export(folder, files=FILES):
    """An export with some files."""
    files = {**files, "README.md": CARD.encode(), "MODEL_CARD.md": CARD.encode()}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_manifest(folder, {"name": "digits", "models": [], "files": describe_files(folder)})
    return folder


def content_of(folder):
    """Relative path → content of every file of a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def export(tmp_path):
    """An export in a folder with a space."""
    return make_export(tmp_path / "my export")


def test_a_round_trip_gives_equal_bytes(hub, tmp_path, export):
    said = shell(tmp_path, "push", str(export), "owner/digits", "--private", "--yes")
    for part in (
        f"{hub.address}/owner/digits, branch main",
        "manifest.json",
        "10.2 kB",
        "6 files",
        "private",
        "sent: ",
    ):
        assert part in said
    repository = hub.repositories["owner/digits"]
    assert repository.private and len(repository.commits) == 2  # the Hub's own, and one of ours
    assert {**content_of(export), ".gitattributes": b"*.bin filter=lfs\n"} == repository.files("main")[1]
    said = shell(tmp_path, "pull", "owner/digits", HF_TOKEN=READER)
    assert "exports/owner--digits: 6 files" in said and "all as they were exported" in said
    assert content_of(tmp_path / "exports" / "owner--digits") == content_of(export)
    # Again: replaced only on request, and an unchanged export makes no commit.
    assert "--force" in shell(tmp_path, "pull", "owner/digits", status=2)
    shell(tmp_path, "pull", "hf://owner/digits", "--force")
    shell(tmp_path, "push", str(tmp_path / "exports" / "owner--digits"), "owner/digits", "--yes")
    assert len(repository.commits) == 2


@pytest.mark.slow
def test_a_runs_export_goes_there_and_back(hub, tmp_path, exported):
    run = exported("autoencoder", "savedmodel", "decoder")
    said = shell(tmp_path, "push", str(run.path), "owner/auto", "--yes")
    assert "decoder/saved_model.pb" in said and "public: everyone can see it" in said
    shell(tmp_path, "pull", "owner/auto", "--out", "there")
    assert content_of(tmp_path / "there") == content_of(run.export_dir)
    subprocess.run([sys.executable, str(ROOT / "exporter.py"), "--verify", str(tmp_path / "there")], check=True)


def test_branches_and_commits(hub, tmp_path, export):
    shell(tmp_path, "push", str(export), "owner/digits", "--revision", "v1", "--yes")
    repository = hub.repositories["owner/digits"]
    assert set(repository.files("main")[1]) == {".gitattributes"}
    commit = repository.branches["v1"]
    other = make_export(tmp_path / "other", {"litert/decoder.tflite": b"small"})
    said = shell(tmp_path, "push", str(other), "owner/digits@v1", "--yes")
    assert "decoder/saved_model.pb of the export before is removed there" in said
    assert set(repository.files("v1")[1]) == {".gitattributes", *content_of(other)}
    shell(tmp_path, "pull", f"owner/digits@{commit}", "--out", "old")
    assert content_of(tmp_path / "old") == content_of(export)
    assert "no export of Retrace" in shell(tmp_path, "pull", "owner/digits", status=2)
    assert "has no revision 'v9'" in shell(tmp_path, "pull", "owner/digits@v9", status=2)


def test_nothing_is_sent_without_a_yes(hub, tmp_path, export):
    said = shell(tmp_path, "push", str(export), "owner/digits", status=2)
    assert "add --yes" in said
    assert {method for method, _ in hub.requests} == {"GET"} and hub.repositories == {}
    # On a terminal it asks.
    master, slave = pty.openpty()
    command = [sys.executable, str(ROOT / "cli.py"), "push", str(export), "owner/digits"]
    environment = {**os.environ, "HF_TOKEN": WRITER}
    with subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, text=True, env=environment) as asking:
        os.write(master, b"n\n")
        said, _ = asking.communicate(timeout=60)
    os.close(master)
    os.close(slave)
    assert asking.returncode == 0 and "nothing was sent" in said
    assert {method for method, _ in hub.requests} == {"GET"} and hub.repositories == {}


@pytest.mark.parametrize(
    "environment, line",
    [
        ({"HF_TOKEN": ""}, "nobody is logged in"),
        ({"HF_TOKEN": "hf_wrong"}, "does not know your token"),
        ({"HF_ENDPOINT": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
    ],
)
def test_who_may_not_send_gets_a_line(hub, tmp_path, export, environment, line):
    assert line in shell(tmp_path, "push", str(export), "owner/digits", "--yes", status=2, **environment)
    assert hub.repositories == {}


def test_a_reader_cannot_send(hub, tmp_path, export):
    line = shell(tmp_path, "push", str(export), "owner/digits", "--yes", HF_TOKEN=READER, status=1)
    assert "not sent" in line and "right to write" in line


def test_wrong_requests_to_push(hub, tmp_path, export):
    hub.add("owner/public", {"x": b""})
    assert "is public already" in shell(tmp_path, "push", str(export), "owner/public", "--private", "--yes", status=2)
    for name in ("digits", "owner/digits/file", "../x/y", "owner/a b"):
        assert "expected" in shell(tmp_path, "push", str(export), name, "--yes", status=2)
    (export / "notes.txt").write_text("mine")
    (export / "README.md").write_text(CARD + "edited")
    said = shell(tmp_path, "push", str(export), "owner/public", "--yes")
    assert "notes.txt: stays here" in said and "README.md: was edited" in said
    assert "notes.txt" not in hub.repositories["owner/public"].files("main")[1]
    said = shell(tmp_path, "pull", "owner/public")
    assert "README.md: was edited after the export" in said and "x: left out" in said
    assert "notes.txt" not in content_of(tmp_path / "exports" / "owner--public")
    (export / "decoder" / "saved_model.pb").write_bytes(b"grapf")
    assert "was changed" in shell(tmp_path, "push", str(export), "owner/public", "--yes", status=2)


def test_damage_and_half_downloads_leave_nothing(hub, tmp_path, export):
    files = content_of(export)
    large = "decoder/variables/variables.data-00000-of-00001"
    hub.add("owner/good", files)
    hub.cut.add(large)
    line = shell(tmp_path, "pull", "owner/good", status=1)
    assert "broke off" in line and "nothing was kept" in line
    hub.cut.clear()
    hub.add("owner/changed", {**files, large: files[large][::-1]})
    assert "does not match its hash" in shell(tmp_path, "pull", "owner/changed", status=1)
    hub.add("owner/short", {**files, large: files[large][1:]})
    assert "was changed" in shell(tmp_path, "pull", "owner/short", status=2)
    hub.add("owner/lacks", {name: content for name, content in files.items() if name != large})
    assert "lacks decoder/variables" in shell(tmp_path, "pull", "owner/lacks", status=2)
    assert [path for path in (tmp_path / "exports").iterdir() if not path.name.startswith(".")] == []
    for private in ("owner/none", "owner/no--export"):
        shell(tmp_path, "pull", private, status=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "holds other files" in shell(tmp_path, "pull", "owner/good", "--out", "full", "--force", status=2)


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", ".git/hooks/post-checkout", "a/../../escaped", "a//b"])
def test_names_that_lead_outside_are_refused(hub, tmp_path, export, name):
    manifest = json.loads((export / "manifest.json").read_text())
    manifest["files"][name] = {"size": 3, "sha256": "0" * 64}
    hub.add("owner/evil", {**content_of(export), "manifest.json": json.dumps(manifest).encode(), name: b"bad"})
    shell(tmp_path / "my export", "pull", "owner/evil", status=2)
    assert not any(path.name in ("escaped", "post-checkout") for path in tmp_path.rglob("*"))


def test_damaged_manifests_are_a_line(hub, tmp_path, export):
    good = (export / "manifest.json").read_bytes()
    for bad in (b"", b"[]", b"{", good[:100], good.replace(b'"size"', b'"sice"'), b"\xff" * 50, b"[" * 100000):
        hub.add("owner/bad", {**content_of(export), "manifest.json": bad})
        assert "manifest" in shell(tmp_path, "pull", "owner/bad", status=2)
