"""Faults of disks, files and processes, provoked for real: the message, the exit status, and how a run goes on."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import cli
import exporter
from common.errors import RequestError
from run_directory.checkpoints import read_arrays
from run_directory.folder import RunGone
from run_directory.run import Run, list_runs
from tests.specs import AUTOENCODER, INVERTER, write_spec
from workflows.console import new_console
from workflows.export.export import export
from workflows.export.manifest import problems_of, read_manifest
from workflows.export.target import choose_target
from workflows.training.restore import restore
from workflows.training.train import train
from workflows.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    """A run of two epochs; tests work on copies."""
    folder = tmp_path_factory.mktemp("faults")
    return train(write_spec(folder, AUTOENCODER), [], folder / "runs", verbose=0)


@pytest.fixture(scope="module")
def longer(whole) -> Run:
    """The same run, gone on to a third epoch."""
    path = whole.path.with_name("longer")
    shutil.copytree(whole.path, path)
    return train(path, ["training.epochs=3"], verbose=0)


@pytest.fixture
def run(whole, tmp_path) -> Run:
    shutil.copytree(whole.path, tmp_path / "run")
    return Run(tmp_path / "run")


def assert_goes_on(run: Run, longer: Run) -> None:
    went_on = train(run.path, ["training.epochs=3"], verbose=0)
    ours, theirs = (read_arrays(each.checkpoint("last").path)[0] for each in (went_on, longer))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert went_on.history()["val_loss"] == longer.history()["val_loss"]
    assert went_on.state().best == longer.state().best and went_on.state().started == longer.state().started


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "flipped":
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    else:
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "overwritten": b"\0" * len(content)}[how])


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *(("history.csv", how) for how in ("missing", "empty", "cut", "overwritten")),
        *(("state.json", how) for how in ("missing", "empty", "cut", "overwritten")),
        *(("environment.json", how) for how in ("missing", "cut")),
        *(("spec.yaml", how) for how in ("missing", "empty", "overwritten")),
        ("spec.resolved.json", "cut"),
    ],
)
def test_a_damaged_file_of_a_run_is_restored_from_a_checkpoint(run, longer, capsys, name, how):
    damage(run.path / name, how)
    assert_goes_on(run, longer)
    said = capsys.readouterr().err
    assert f"{name}: is {'missing' if how == 'missing' else 'damaged'}; restored from a checkpoint" in said
    assert said.count("restored") == 1
    assert (run.path / f"{name}.damaged").exists() == (how != "missing"), "nothing is thrown away"


def test_a_history_that_no_checkpoint_can_restore_is_not_begun_again(run):
    for checkpoint in run.checkpoints():
        content = checkpoint.path.read_bytes()  # as an earlier version wrote them
        checkpoint.path.write_bytes(content.replace(b'"record"', b'"rec_rd"'))
    run.history_path.unlink()
    with pytest.raises(RequestError, match=r"history\.csv: lacks epochs .* restore it from a copy of the run"):
        train(run.path, ["training.epochs=3"], verbose=0)


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "missing"])
def test_where_the_newest_checkpoint_is_damaged_the_one_before_takes_its_place(run, longer, capsys, how):
    newest, before = run.checkpoints()[-1], run.checkpoints()[-2]
    damage(newest.path, how)
    restored = restore(run, "last")
    assert restored.checkpoint.step == before.step
    if how == "missing":
        with pytest.raises(RequestError, match=rf"no checkpoint of step {newest.step}; there are"):
            restore(run, str(newest.step))
    else:
        assert restored.remarks == (
            f"the checkpoint of step {newest.step} is damaged; step {before.step} takes its place",
        )
        with pytest.raises(RequestError, match=rf"step-0*{newest.step}\.safetensors: "):
            restore(run, str(newest.step))
    went_on = train(run.path, ["training.epochs=3"], verbose=2)
    assert (how == "missing") != ("is damaged; step" in capsys.readouterr().out)
    assert went_on.history()["val_loss"] == longer.history()["val_loss"]
    for checkpoint in went_on.checkpoints():
        read_arrays(checkpoint.path)


def test_a_run_without_a_whole_checkpoint_says_so(run):
    for checkpoint in run.checkpoints():
        damage(checkpoint.path, "flipped")
    for act in (lambda: train(run.path, ["training.epochs=3"], verbose=0), lambda: restore(run)):
        with pytest.raises(RequestError, match="is damaged"):
            act()


@pytest.mark.parametrize(
    "optimizer", ["{SGD: {learning_rate: 0.1}}", "{Adam: {use_ema: true}}", "{Adam: {amsgrad: true}}"]
)
def test_a_run_takes_another_optimizer_once_it_works(run, capsys, optimizer):
    before = run.read("spec.yaml")
    refused = ["training.epochs=3", "training.optimizer={Adam: {clipnorm: -1, clipvalue: 2}}"]
    with contextlib.suppress(Exception):
        train(run.path, refused, verbose=0)
    assert run.read("spec.yaml") == before
    restore(run)
    went_on = train(run.path, ["training.epochs=3", f"training.optimizer={optimizer}"], verbose=2)
    assert "optimizer: is not the one that wrote the checkpoint, so it starts fresh" in capsys.readouterr().out
    assert went_on.state().epoch == 3 and went_on.read("spec.yaml") != before
    for checkpoint in went_on.checkpoints():
        restore(went_on, str(checkpoint.step))  # whichever optimizer wrote it


def test_moved_copied_renamed_and_linked_runs_go_on(run, longer, tmp_path):
    moved = tmp_path / "elsewhere" / "another name"
    moved.parent.mkdir()
    run.path.rename(moved)
    (tmp_path / "link").symlink_to(moved)
    assert_goes_on(Run(tmp_path / "link"), longer)


def test_a_folder_in_the_place_of_a_run_is_not_written_to(run):
    def replace_and_go_on(session, *arguments):
        moved = run.path.with_name("moved")
        if not moved.exists():
            run.path.rename(moved)
            shutil.copytree(moved, run.path)
        return finite(session, *arguments)

    finite = Trainer._finite
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RunGone):
        patch.setattr(Trainer, "_finite", replace_and_go_on)
        train(run.path, ["training.epochs=3"], verbose=0)
    assert run.history()["epoch"] == [1, 2]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("may not mount a file system here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path, leave: int) -> Path:
    status = os.statvfs(place)
    filler = place / "filler"
    filler.write_bytes(b"\1" * max(0, status.f_bavail * status.f_frsize - leave))
    return filler


def test_a_full_disk_ends_in_a_line_and_the_run_goes_on_where_there_is_room_again(run, longer, small_disk):
    there = Run(small_disk / "run")
    shutil.copytree(run.path, there.path)
    filler = fill(small_disk, 20_000)
    with pytest.raises(OSError, match="No space left on device"):
        train(there.path, ["training.epochs=3"], verbose=0)
    assert not [path for path in there.path.rglob(".*") if path.name != ".lock"]
    filler.unlink()
    assert_goes_on(there, longer)


def test_a_disk_that_is_full_from_the_start_makes_no_run(small_disk, tmp_path):
    fill(small_disk, 0)
    with pytest.raises(RequestError, match="cannot make a run directory here"):
        train(write_spec(tmp_path, AUTOENCODER), [], small_disk / "runs", verbose=0)
    assert list_runs(small_disk / "runs") == []


def test_a_read_only_run_is_measured_and_says_that_it_cannot_go_on(run, small_disk, tmp_path, capsys):
    there = Run(small_disk / "run")
    shutil.copytree(run.path, there.path)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert restore(there).checkpoint.step
    with pytest.raises(RequestError, match="cannot be written to"):
        train(there.path, ["training.epochs=3"], verbose=0)
    for main, arguments in ((cli.main, ["validate"]), (exporter.main, [])):
        capsys.readouterr()
        assert main([*arguments, str(there.path)]) == 2
        line = f"{there.path}: cannot be written to (Read-only file system); copy the run elsewhere\n"
        assert capsys.readouterr() == ("", line)
    assert cli.main(["compare", str(there.path), "--out", str(small_disk / "a.png")]) == 2
    with pytest.raises(RequestError, match="cannot make a run directory here"):
        train(write_spec(tmp_path, AUTOENCODER), [], small_disk / "runs", verbose=0)


def test_an_export_onto_a_full_disk_leaves_nothing_and_works_once_there_is_room(run, small_disk):
    there = Run(small_disk / "run")
    shutil.copytree(run.path, there.path)
    filler = fill(small_disk, 4_000)
    with pytest.raises((OSError, tf.errors.OpError)), open(os.devnull, "w") as nowhere:
        export(choose_target(there, "decoder"), new_console(nowhere))
    assert not there.export_dir.exists() and not list(there.path.glob(".export-*"))
    filler.unlink()
    with open(os.devnull, "w") as nowhere:
        export(choose_target(there, "decoder"), new_console(nowhere))
    assert problems_of(there.export_dir) == []


def test_an_export_that_is_killed_leaves_the_one_before_whole_and_nothing_else(run):
    code = (
        "import os, sys; from pathlib import Path; import workflows.export.export as module\n"
        "from run_directory.run import Run\n"
        "from workflows.console import new_console; from workflows.export.target import choose_target\n"
        "module.prove = lambda *a: os.kill(os.getpid(), 9)\n"
        "module.export(choose_target(Run(sys.argv[1]), 'encoder'), new_console())"
    )
    with open(os.devnull, "w") as nowhere:
        export(choose_target(run, "decoder"), new_console(nowhere))
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code, run.path], env=environment, stdout=nowhere, check=False)
        assert done.returncode == -signal.SIGKILL and list(run.path.glob(".export-*"))
        assert problems_of(run.export_dir) == []
        export(choose_target(run, "encoder"), new_console(nowhere))
    assert problems_of(run.export_dir) == [] and not list(run.path.glob(".export-*"))
    assert {model["part"] for model in read_manifest(run.export_dir)["models"]} == {"encoder", "decoder"}


def test_features_that_find_the_disk_full_end_in_a_line_and_leave_nothing(small_disk, tmp_path, monkeypatch):
    monkeypatch.setattr("workflows.training.feature_cache.CACHE_FOLDER", small_disk / "cache")
    fill(small_disk, 300_000)
    spec = write_spec(tmp_path, INVERTER)
    with pytest.raises(RequestError, match=r"training\.feature_cache: features of .* do not fit"):
        train(spec, ["training.feature_cache=disk"], tmp_path / "runs", verbose=0)
    monkeypatch.setattr("workflows.training.feature_cache._SHARE_OF_DISK", 1e9)  # somebody else fills it meanwhile
    with pytest.raises(OSError, match="No space left on device"):
        train(spec, ["training.feature_cache=disk"], tmp_path / "runs", verbose=0)
    assert not list((small_disk / "cache").iterdir())


def test_too_little_memory_ends_in_a_line(tmp_path):
    # So little that not even the libraries fit. Beyond that, TensorFlow's compilers may abort on their own.
    spec = write_spec(tmp_path, AUTOENCODER)
    command = f'ulimit -v 600000; exec "{sys.executable}" "{ROOT / "cli.py"}" train "{spec}"'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith("out of memory; ")


def test_few_open_files_suffice_or_end_in_a_line(tmp_path):
    spec = write_spec(tmp_path, AUTOENCODER)
    command = f'ulimit -n 40; exec "{sys.executable}" "{ROOT / "cli.py"}" train "{spec}"'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or "Too many open files" in done.stderr


IMAGES = """
dataset:
  source: {folder: {path: images}}
  image: {size: 8, channels: 1}
  split: {train: 12, validation: 4}
  batch_size: 4
encoder: {layers: [Flatten, Dense: {units: 4}]}
decoder: {layers: [Dense: {units: 64, activation: sigmoid}, Reshape: {target_shape: [8, 8, 1]}]}
loss: {mse: 1}
training: {epochs: 2}
"""


@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_an_image_deleted_or_changed_while_training_ends_in_its_name(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builders.dataset_builder.MEMORY_SHARE", 0)  # images are read again in every epoch
    (tmp_path / "images").mkdir()
    paths = [tmp_path / "images" / f"{number:02d}.png" for number in range(16)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((8, 8), 10 * number, np.uint8)).save(path)
    contents = {path: path.read_bytes() for path in paths}

    def spoil(session, *arguments):
        for path in paths:
            path.unlink() if how == "deleted" else path.write_bytes(b"no image")
        return prune(session, *arguments)

    prune = Trainer._prune
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RequestError, match=r"unreadable image '\d\d\.png'"):
        patch.setattr(Trainer, "_prune", spoil)
        train(write_spec(tmp_path, IMAGES), [], tmp_path / "runs", verbose=0)
    [run] = list_runs(tmp_path / "runs")
    assert run.state().status == "failed" and ".png" in run.state().message
    for path, content in contents.items():
        path.write_bytes(content)
    assert train(run.path, verbose=0).state().status == "finished"


def test_what_a_folder_being_made_leaves_behind_is_no_run_and_goes(tmp_path):
    runs = tmp_path / "runs"
    first = Run.create(runs, "tiny")
    unmade, empty = (first.path.with_name(f".20260101-000000-abc{letter}") for letter in "de")
    shutil.copytree(first.path, unmade)
    empty.mkdir()
    assert [run.path for run in list_runs(runs)] == [first.path]
    Run.create(runs, "tiny")
    assert not unmade.exists() and not empty.exists()
