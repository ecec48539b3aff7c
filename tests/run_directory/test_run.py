"""The run directory: what is written comes back, whole, in order, and from wherever the directory was moved."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from common.errors import RequestError
from common.files import atomic_file, write_atomically
from run_directory import run as runs
from run_directory.run import Run

ROOT = str(Path(__file__).resolve().parents[2])


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path, "quickstart")


def add_checkpoint(run, step):
    path = run.checkpoint_path(step)
    path.parent.mkdir(exist_ok=True)
    path.touch()


def test_create_makes_a_new_directory_each_time(tmp_path):
    made = {Run.create(tmp_path, "a b/c").path for _ in range(5)}
    assert len(made) == 5
    assert all(path.parent == tmp_path / "a_b_c" and runs.is_run(path) for path in made)


def test_newest_and_list_follow_the_start_time_not_the_name(tmp_path):
    first, second = Run.create(tmp_path, "zebra"), Run.create(tmp_path, "ant")
    assert [run.path for run in runs.list_runs(tmp_path)] == [second.path, first.path]
    first.update_state(epoch=3)
    assert runs.newest(tmp_path).path == second.path


def test_the_newest_run_of_a_spec(tmp_path):
    first, _ = Run.create(tmp_path, "a b"), Run.create(tmp_path, "c")
    assert runs.newest(tmp_path, name="a b").path == first.path
    with pytest.raises(RequestError, match="no run of the spec 'd' yet"):
        runs.newest(tmp_path, name="d")


def test_no_runs_and_no_such_run_are_one_clear_line(tmp_path, run):
    with pytest.raises(RequestError, match="no runs here yet"):
        runs.newest(tmp_path / "elsewhere")
    with pytest.raises(RequestError, match="no such run"):
        Run.open(tmp_path / "elsewhere")
    with pytest.raises(RequestError, match=f"is a folder of 1 run; name the run: {run.path}"):
        Run.open(tmp_path)


def test_state_keeps_what_is_not_changed(run):
    started = run.state().started
    run.update_state(status="training", epoch=2, step=20, best={"step": 10, "monitor": "val_loss", "value": 0.5})
    run.update_state(step=21)
    state = run.state()
    assert (state.status, state.epoch, state.step, state.started) == ("training", 2, 21, started)
    assert state.best["step"] == 10
    assert state.updated > started


def test_a_run_whose_process_died_is_interrupted(run):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    run.update_state(status="training", pid=process.pid)
    assert run.state().status == "interrupted"


@pytest.mark.skipif(os.name != "posix", reason="only there processes outlive their end")
def test_a_process_that_has_ended_is_not_at_work_although_nobody_took_note(run):
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    run.update_state(status="training", pid=process.pid, host=socket.gethostname())
    assert run.state().status == "interrupted"
    process.wait()


def test_a_reused_process_number_is_not_the_trainer(run):
    run.update_state(status="training")
    path = run.path / "state.json"
    state = json.loads(path.read_text()) | {"updated": "2001-01-01T00:00:00+00:00"}
    path.write_text(json.dumps(state))
    assert run.state().status == "interrupted"


def test_unreadable_state_is_a_request_error(run):
    (run.path / "state.json").write_text("{")
    with pytest.raises(RequestError, match="cannot be read as JSON"):
        run.state()


def test_only_one_process_holds_a_run(run):
    code = (
        "from run_directory.run import Run\n"
        f"with Run({str(run.path)!r}).lock():\n    print('held', flush=True)\n    input()"
    )
    environment = os.environ | {"PYTHONPATH": ROOT}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RequestError, match=f"process {holder.pid} on .* is working on this run"), run.lock():
            pass
        holder.kill()
        holder.wait()
        with run.lock():
            assert run.state().pid == os.getpid()


def test_history_comes_back_bit_for_bit_and_takes_new_columns(run):
    run.append_history({"epoch": 1, "loss": 0.1 + 0.2, "loss/l1": 1e-30})
    run.append_history({"epoch": 2, "loss": float("inf"), "val_psnr": 21.5})
    run.append_history({"epoch": 3, "loss": 0.25})
    history = run.history()
    assert history["epoch"] == [1, 2, 3]
    assert history["loss"] == [0.1 + 0.2, float("inf"), 0.25]
    assert history["val_psnr"] == [None, 21.5, None]
    run.truncate_history(1)
    assert run.history() == {"epoch": [1], "loss": [0.1 + 0.2], "loss/l1": [1e-30], "val_psnr": [None]}


def test_truncating_to_nothing_leaves_an_empty_history(run):
    run.append_history({"epoch": 1, "loss": 1.0})
    run.truncate_history(0)
    assert run.history() == {}
    run.append_history({"epoch": 1, "loss": 2.0})
    assert run.history() == {"epoch": [1], "loss": [2.0]}


@pytest.mark.parametrize("content", [b"epoch,loss\n1,0.5,7\n", b"\xff\xfe"])
def test_a_history_that_is_no_table_is_told_by_its_file(run, content):
    run.history_path.write_bytes(content)
    with pytest.raises(RequestError, match=r"history\.csv: cannot be read as a table"):
        run.history()


def test_checkpoints_by_name_and_step(run):
    with pytest.raises(RequestError, match="no checkpoint yet"):
        run.checkpoint()
    for step in (30, 10, 20):
        add_checkpoint(run, step)
    (run.path / "checkpoints" / "step-unfinished.safetensors").touch()
    run.update_state(steps_per_epoch=10)
    with pytest.raises(RequestError, match="--checkpoint last"):
        run.checkpoint("best")
    run.update_state(best={"step": 20, "monitor": "val_loss", "value": 1.0})
    assert [(found.step, found.epoch) for found in run.checkpoints()] == [(10, 1), (20, 2), (30, 3)]
    assert run.checkpoint("best").step == 20
    assert run.checkpoint("last").step == 30
    assert run.checkpoint("10") == run.checkpoint(10)
    with pytest.raises(RequestError, match="no checkpoint of step 11; there are best, last and 10, 20, 30"):
        run.checkpoint("11")
    with pytest.raises(RequestError, match="expected best, last or a step: 10, 20, 30"):
        run.checkpoint("bets")
    newest = run.checkpoint("last")
    held = newest.held()
    run.delete_checkpoint(30)
    assert newest.path.exists(), "what somebody reads stays"
    del held
    run.delete_checkpoint(30)
    run.delete_checkpoint(30)
    assert newest.held() is None
    assert run.checkpoint("last").step == 20


def test_a_moved_run_is_the_same_run(run, tmp_path):
    add_checkpoint(run, 5)
    run.append_history({"epoch": 1, "loss": 1.0})
    moved = Run.open(shutil.move(run.path, tmp_path / "elsewhere"))
    assert moved.checkpoint("last").path.is_relative_to(moved.path)
    assert moved.history() == {"epoch": [1], "loss": [1.0]}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such modes")
def test_others_can_read_what_safetensors_writes(tmp_path):
    from safetensors.numpy import save_file

    write_atomically(tmp_path / "usual", "")
    with atomic_file(tmp_path / "weights.safetensors") as temporary:
        save_file({"a": np.zeros(3, np.float32)}, temporary)
    assert (tmp_path / "weights.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_spec_yaml_says_what_was_meant(run):
    merged = {"name": "quickstart", "variables": {"size": 64}, "notes": ["1e-3", "0o17", "no", "12"], "rate": 1e-5}
    run.write_spec(SimpleNamespace(merged=merged, resolved={"seed": 1}))
    text = (run.path / "spec.yaml").read_text()
    assert "'1e-3'" in text and "'0o17'" in text
    assert yaml.safe_load(text) == merged
    assert run.resolved_spec() == {"seed": 1}


def test_many_processes_make_runs_of_one_spec_at_once(tmp_path):
    code = (
        "import sys\nfrom run_directory.run import Run\n"
        "for _ in range(40):\n    run = Run.create(sys.argv[1], 'tiny')\n"
        "    assert run.state().status == 'created'"
    )
    environment = os.environ | {"PYTHONPATH": ROOT}
    processes = [subprocess.Popen([sys.executable, "-c", code, tmp_path], env=environment) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(runs.list_runs(tmp_path)) == 120
    assert not list((tmp_path / "tiny").glob(".*"))


def test_a_damaged_run_does_not_make_an_older_one_the_newest(tmp_path):
    older, newer = Run.create(tmp_path, "tiny"), Run.create(tmp_path, "tiny")
    older.path.rename(tmp_path / "tiny" / "20260101-000000-abcd")
    path = newer.path.with_name("20270101-000000-abcd")
    newer.path.rename(path)
    for content in (b"", b"\0\0", b"{"):
        (path / "state.json").write_bytes(content)
        assert runs.newest(tmp_path).path == path
    (path / "spec.yaml").write_text("{}")
    (path / "checkpoints").mkdir()
    (path / "state.json").unlink()
    assert runs.newest(tmp_path).path == path, "checkpoints hold its state"


def test_what_was_not_finished_goes_at_every_depth_and_what_is_held_stays(run):
    folders = [
        run.path,
        run.samples_dir,
        run.figures_dir / "latent_space",
        run.path / "evaluation" / "test-best" / "pairs",
    ]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".epoch-0001-0123abcd.png").write_bytes(b"half")
    kept = run.export_dir / ".notes-0123abcd.txt"
    kept.parent.mkdir()
    kept.write_text("the user's")
    with atomic_file(run.figures_dir / "loss.png") as held:
        with run.lock():
            assert held.exists() and kept.exists()
            assert not list(run.path.rglob(".epoch-*"))
        held.write_bytes(b"whole")


def test_names_as_long_as_a_file_system_allows_are_written(tmp_path):
    for stem in ("a" * 251, "漢" * 83):
        write_atomically(tmp_path / f"{stem}.png", b"whole")
        assert (tmp_path / f"{stem}.png").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", b'{"updated": "yesterday"}'),
        ("state.json", b'{"best": {"step": 1, "monitor": "loss", "value": 1' + b"0" * 400 + b"}}"),
        ("state.json", b"[" + b"{}," * 500_000 + b"{}]"),
        ("history.csv", b"epoch,loss\n1," + b"9" * 400 + b"\n"),
        ("environment.json", b'{"dataset": {"images": {"train": 1' + b"0" * 400 + b"}}}"),
    ],
)
def test_values_of_the_right_type_and_no_sense_are_refused(run, name, content):
    (run.path / name).write_bytes(content)
    readers = {"state.json": run.state, "history.csv": run.history, "environment.json": run.environment}
    with pytest.raises(RequestError, match=name):
        readers[name]()


def test_a_checkpoint_of_holes_or_without_a_hash_is_refused_before_it_is_read(run):
    from safetensors.numpy import save_file

    path = run.checkpoint_path(1)
    path.parent.mkdir()
    save_file({"model/kernel": np.zeros(4, np.float32)}, path)
    with pytest.raises(RequestError, match="holds no hash"):
        run.hold_checkpoint("last")
    header = json.dumps(
        {"a": {"dtype": "F32", "shape": [2**31], "data_offsets": [0, 2**33]}, "__metadata__": {"sha256": "0"}}
    )
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header.encode())
        file.truncate(8 + len(header) + 2**33)
    with pytest.raises(RequestError, match="nearly all of it is empty"):
        run.hold_checkpoint("last")
    with pytest.raises(RequestError, match="expected best, last or a step"):
        run.checkpoint("9" * 5000)


def test_an_evaluation_that_cannot_be_read_is_said(run):
    for name, content in (("test-best", '{"metrics": {}}'), ("test-last", '{"metrics": 7}'), ("train-best", "{")):
        path = run.metrics_path(*name.split("-"))
        path.parent.mkdir(parents=True)
        path.write_text(content)
    assert list(run.evaluations()) == ["test-best"]
    first, second = run.damaged_evaluations()
    assert "test-last/metrics.json: cannot be read as JSON (metrics is 7" in first and "train-best" in second
