"""Trackers: MLflow with a real store, W&B offline, and what happens where one fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builders.spec import check_spec
from common.errors import RequestError
from run_directory.run import Run, list_runs
from tests.specs import AUTOENCODER, write_spec
from workflows.training import tracking
from workflows.training.tracking import Tracking, check_trackers
from workflows.training.train import train

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """No server, no user's settings, and a current folder that the test owns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "WANDB_API_KEY", "RETRACE_SWEEP"):
        monkeypatch.delenv(name, raising=False)


def tracked(folder, trackers, more=""):
    return write_spec(folder, f"{AUTOENCODER}\nlogging: {{trackers: {trackers}, {more}}}\n", "tracked")


def mlflow_run(uri):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("mine")
    [run] = client.search_runs([experiment.experiment_id])
    return client, run


@pytest.mark.parametrize("uri", ["sqlite:///my store.db", "file:./mlruns"])
def test_mlflow_has_the_history_also_after_a_resume(tmp_path, monkeypatch, uri):
    monkeypatch.setenv("RETRACE_SWEEP", "search")
    spec = tracked(tmp_path, f'[mlflow: {{uri: "{uri}", experiment: mine}}]', "histograms: {every: 1 epochs}")
    run = train(spec, runs_dir=tmp_path / "runs", verbose=0)
    train(run.path, ["training.epochs=3"], verbose=0)
    client, found = mlflow_run(uri)
    assert found.info.status == "FINISHED"
    history = run.history()
    for name in ("loss", "val_loss", "val_psnr"):
        metrics = client.get_metric_history(found.info.run_id, name)
        assert [metric.step for metric in metrics] == history["step"] == [4, 8, 12]
        np.testing.assert_allclose([metric.value for metric in metrics], history[name], rtol=1e-6)
    assert found.data.params["training.epochs"] == "2" and found.data.params["dataset.batch_size"] == "16"
    assert found.data.tags["retrace.sweep"] == "search"
    assert found.data.tags["retrace.run.path"] == str(run.path.resolve())
    assert Path(found.data.tags["retrace.best_checkpoint.path"]).is_file()
    assert len(client.list_artifacts(found.info.run_id, "histograms")) == 6
    pictures = [file.path for file in client.list_artifacts(found.info.run_id, "images")]
    assert sum(path.endswith(".png") for path in pictures) == 3
    assert not list(run.tensorboard_dir.glob("events*"))


def test_steps_done_again_are_logged_once(tmp_path):
    """As after a kill: the same steps come again."""
    spec = tracked(tmp_path, '[tensorboard, mlflow: {uri: "sqlite:///m.db", experiment: mine}]')
    run = train(spec, runs_dir=tmp_path / "runs", verbose=0)
    loaded = run.load_spec()
    with run.lock(), Tracking(run, loaded, 4) as board:
        board.scalars({"epoch_loss": 1.0, "loss": 5.0}, 12)
    with run.lock(), Tracking(run, loaded, 4) as board:
        board.scalars({"epoch_loss": 2.0, "loss": 6.0}, 12)
    client, found = mlflow_run("sqlite:///m.db")
    assert [metric.value for metric in client.get_metric_history(found.info.run_id, "epoch_loss")] == [1.0]


def wandb_records(run):
    """The records of all of a run's offline files, in order: LevelDB's log format behind a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    for path in sorted(run.path.glob("wandb/offline-run-*/run-*.wandb")):
        content, at, whole = path.read_bytes(), 7, b""
        while at + 7 <= len(content):
            if 32768 - at % 32768 < 7:  # the rest of a block is empty
                at += 32768 - at % 32768
                continue
            length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
            whole += content[at + 7 : at + 7 + length]
            at += 7 + length
            if kind in (1, 4):  # whole, or the last part
                record = wandb_internal_pb2.Record()
                record.ParseFromString(whole)
                yield record
                whole = b""


def test_wandb_offline_has_the_history_also_after_a_resume(tmp_path):
    spec = tracked(tmp_path, "[wandb: {project: faces, mode: offline}]", "histograms: {every: 1 epochs}")
    run = train(spec, runs_dir=tmp_path / "runs", verbose=0)
    train(run.path, ["training.epochs=3"], verbose=0)
    records = list(wandb_records(run))
    ids = {record.run.run_id for record in records if record.HasField("run")}
    assert len(ids) == 1 and ids == {json.loads((run.path / "trackers.json").read_text())["wandb"]["id"]}
    rows = [
        {(item.key or ".".join(item.nested_key)): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.HasField("history")
    ]
    history = run.history()
    figures = [row for row in rows if "val_loss" in row]
    assert [row["step"] for row in figures] == history["step"]
    np.testing.assert_allclose([row["val_loss"] for row in figures], history["val_loss"], rtol=1e-6)
    assert sum(row.get("reconstructions._type") == "image-file" for row in rows) == 3
    assert any(row.get("bottleneck/kernel._type") == "histogram" for row in rows)


def test_a_tracker_that_fails_is_a_line_and_the_training_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    spec = tracked(tmp_path, '[tensorboard, mlflow: {uri: "http://127.0.0.1:1"}]')
    run = train(spec, runs_dir=tmp_path / "runs", verbose=0)
    assert run.state().status == "finished" and list(run.tensorboard_dir.glob("events*"))
    lines = [line for line in capsys.readouterr().err.splitlines() if "mlflow" in line]
    assert len(lines) == 1 and "the training goes on" in lines[0]


@pytest.mark.parametrize("method", ["scalars", "image", "finish"])
def test_a_tracker_that_fails_later_is_a_line_too(tmp_path, monkeypatch, capsys, method):
    from workflows.training.trackers.tensorboard import TensorBoard

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoard, method, full)
    run = train(tracked(tmp_path, "[tensorboard]"), runs_dir=tmp_path / "runs", verbose=0)
    assert run.state().status == "finished" and run.state().epoch == 2
    assert capsys.readouterr().err.count("No space left") == 1


def test_nothing_is_logged_nowhere(tmp_path):
    run = train(tracked(tmp_path, "[]"), runs_dir=tmp_path / "runs", verbose=0)
    assert not list(run.tensorboard_dir.glob("events*")) and not (run.path / "trackers.json").exists()


def test_mistakes_are_lines_before_training(tmp_path, monkeypatch):
    spec = tracked(tmp_path, "[mlfow]")
    assert "did you mean 'mlflow'" in str(check_spec(spec)[0])
    assert check_spec(tracked(tmp_path, "[tensorboard, mlflow, wandb: {project: a}]")) == []
    with pytest.raises(RequestError, match="twice"):
        train(tracked(tmp_path, "[mlflow, mlflow: {experiment: b}]"), runs_dir=tmp_path / "runs", verbose=0)
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"logging.trackers.0: wandb needs wandb: .*\[wandb\]"):
        train(tracked(tmp_path, "[wandb]"), runs_dir=tmp_path / "runs", verbose=0)
    assert list_runs(tmp_path / "runs") == []
    monkeypatch.undo()


def test_wandb_without_a_login_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    code = (
        "import sys; from builders.spec import load_spec; from workflows.training.tracking import check_trackers\n"
        "from common.errors import RequestError\n"
        "try: check_trackers(load_spec(sys.argv[1]).spec)\n"
        "except RequestError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tracked(tmp_path, "[wandb]"))],
        capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), timeout=60,
    )  # fmt: skip
    assert "wandb login" in done.stdout and "mode: offline" in done.stdout, done.stderr


def test_a_run_keeps_what_a_damaged_record_does_not_say(tmp_path):
    spec = tracked(tmp_path, '[mlflow: {uri: "sqlite:///m.db", experiment: mine}]')
    run = train(spec, runs_dir=tmp_path / "runs", verbose=0)
    (run.path / "trackers.json").write_text('{"mlflow": {"id": [], "logged": 3}, "wandb": 5}')
    with run.lock(), Tracking(Run.open(run.path), run.load_spec(), 8) as board:
        board.scalars({"loss": 1.0}, 12)
    check_trackers(run.load_spec().spec)
