"""What may be exported is decided before TensorFlow is loaded; a folder is replaced whole or not at all."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import exporter
import workflows.export.target as module
from common.errors import RequestError
from run_directory.run import Run
from workflows.console import new_console
from workflows.export.export import export
from workflows.export.manifest import problems_of, read_manifest, write_manifest
from workflows.export.target import choose_target, staged


@pytest.fixture(scope="module")
def decoder_alone(trained, tmp_path_factory):
    """A run of which the decoder was exported and nothing else, whatever other tests export of the run it copies."""
    path = tmp_path_factory.mktemp("target") / "run"
    run = Run(shutil.copytree(trained("autoencoder").path, path, ignore=shutil.ignore_patterns(".*", "export")))
    with open(os.devnull, "w") as nowhere:
        export(choose_target(run, "decoder", checkpoint="last"), new_console(nowhere))
    return run


@pytest.fixture
def run(decoder_alone, tmp_path):
    """A copy of a run whose decoder was exported."""
    return Run(shutil.copytree(decoder_alone.path, tmp_path / "run", ignore=shutil.ignore_patterns(".*")))


def refused(capsys, run, *options):
    """The line with which the exporter refuses to add to an export, before TensorFlow is imported."""
    status = exporter.main([str(run.path), "--checkpoint", "last", *options])
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err


def change_manifest(run, change):
    manifest = read_manifest(run.path / "export")
    del manifest["manifest_sha256"]
    change(manifest)
    write_manifest(run.path / "export", manifest)


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["../../home/x", "{home}/x", "link/x", "../x"])
def test_a_manifest_leads_nowhere(run, name, tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    (home / "x").write_text("mine")
    (run.path / "x").write_text("mine")
    (run.path / "export" / "link").symlink_to(home)
    name = name.format(home=home)

    def change(manifest):
        manifest["models"][0]["files"].append(name)
        manifest["files"][name] = {"size": 4, "sha256": "0" * 64}

    change_manifest(run, change)
    before = files_of(tmp_path)
    assert "cannot be read as a manifest" in refused(capsys, run, "--part", "encoder")
    assert files_of(tmp_path) == before and not list(run.path.glob(".export-*"))


@pytest.mark.parametrize("place", ["export", "export/decoder", "export/decoder/saved_model.pb", ".export.lock"])
def test_a_link_in_place_of_a_part_of_an_export_is_refused(run, place, tmp_path, capsys):
    path = run.path / place
    if path.exists():
        path.rename(tmp_path / "moved")
    else:
        (tmp_path / "moved").write_text("mine")
    path.symlink_to(tmp_path / "moved")
    before = files_of(tmp_path / "moved") if (tmp_path / "moved").is_dir() else (tmp_path / "moved").read_bytes()
    if place == ".export.lock":
        with pytest.raises(exporter.RequestError, match="is a link"):
            export(choose_target(run, "encoder", checkpoint="last"), new_console())
    else:
        assert "link" in refused(capsys, run, "--part", "encoder")
    after = files_of(tmp_path / "moved") if (tmp_path / "moved").is_dir() else (tmp_path / "moved").read_bytes()
    assert after == before


@pytest.mark.parametrize("field", ["format", "part", "precision", "path"])
def test_a_model_that_no_export_writes_is_refused(run, field, capsys):
    def change(manifest):
        manifest["models"][0] |= {field: "os.path"} if field != "path" else {"path": "full"}

    change_manifest(run, change)
    assert "replace it with --force" in refused(capsys, run, "--part", "encoder")


def test_what_the_user_edited_or_put_in_the_way_is_not_replaced_without_being_asked(run, capsys):
    card = run.path / "export" / "README.md"
    card.write_text(card.read_text().replace("license: unknown", "license: mit"))
    assert "README.md would be replaced" in refused(capsys, run, "--part", "encoder")
    card.write_text(card.read_text().replace("license: mit", "license: unknown"))
    (run.path / "export" / "onnx").write_text("mine")
    line = refused(capsys, run, "--part", "decoder", "--format", "onnx")
    assert "export/onnx would be replaced, and is not as an export wrote it" in line


def test_what_the_user_put_beside_the_models_stays(run):
    folder = run.path / "export"
    (folder / ".git" / "objects" / "empty").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".gitattributes").write_text("*.pb filter=lfs\n")
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    (folder / "decoder" / "mine.txt").write_text("mine")
    (folder / "link").symlink_to("notes/mine.txt")
    os.mkfifo(folder / "pipe")
    for form, force in (("onnx", False), ("savedmodel", True)):
        export(choose_target(run, "decoder", form, checkpoint="last", force=force), new_console())
        assert (folder / "notes" / "mine.txt").read_text() == (folder / "decoder" / "mine.txt").read_text() == "mine"
        assert (folder / ".git" / "objects" / "empty").is_dir() and (folder / ".git" / "HEAD").read_text()[:3] == "ref"
        assert (folder / ".gitattributes").is_file() and os.readlink(folder / "link") == "notes/mine.txt"
        manifest = read_manifest(folder)
        assert {model["format"] for model in manifest["models"]} == {"savedmodel", "onnx"}
        assert not {"notes/mine.txt", "link", ".git/HEAD"} & set(manifest["files"])
        assert {line.split(": ")[1] for line in problems_of(folder)} == {"does not belong to this export"}


ROOT = Path(__file__).resolve().parents[3]


def write(target, text):
    with staged(target) as folder:
        (folder / "inside").mkdir()
        (folder / "inside" / "model").write_text(text)


def content(target):
    assert {path.name for path in target.parent.iterdir()} <= {target.name, f".{target.name}.lock"}
    return (target / "inside" / "model").read_text()


@pytest.mark.parametrize("exchange", [True, False], ids=["exchanged", "two renames"])
def test_a_new_folder_takes_the_place_of_the_old(tmp_path, exchange, monkeypatch):
    if not exchange:
        monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    target = tmp_path / "run" / "export"
    for text in ("first", "second"):
        write(target, text)
        assert content(target) == text


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path, monkeypatch):
    def read_only(self, **_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(module.filelock.FileLock, "acquire", read_only)
    with pytest.raises(RequestError, match=r"export: cannot be written to \(Read-only file system\); copy the run"):
        write(tmp_path / "export", "never")


def test_an_error_leaves_the_old_one_and_nothing_else(tmp_path):
    target = tmp_path / "run" / "export"
    write(target, "first")
    with pytest.raises(ZeroDivisionError), staged(target) as folder:
        (folder / "half").write_text("")
        raise ZeroDivisionError
    assert content(target) == "first"


def test_a_killed_process_leaves_the_old_one_and_the_next_cleans_up(tmp_path):
    target = tmp_path / "run" / "export"
    write(target, "first")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom workflows.export.target import staged\n"
        "with staged(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('')\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, target], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(RequestError, match="another process is exporting this run"):
        write(target, "meanwhile")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (target / "inside" / "model").read_text() == "first"
    assert len(list(target.parent.glob(".export-*"))) == 1
    write(target, "second")
    assert content(target) == "second"


def test_what_was_set_aside_between_two_renames_comes_back(tmp_path):
    target = tmp_path / "run" / "export"
    write(target, "first")
    target.rename(target.with_name(".export-0123-previous"))
    with pytest.raises(ZeroDivisionError), staged(target):
        raise ZeroDivisionError
    assert content(target) == "first"
