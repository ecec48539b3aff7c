"""Sweeps with a stand-in for training: sharing, kills, stops, failures, pruning, what may change."""

import os
import shutil
import signal

import pytest

from builders.spec import load_spec
from common.errors import RequestError
from run_directory.run import list_runs
from tests.workflows.sweep.sweeping import RATE, end, folder_of, run_sweep, sessions, start, table, until, write


def fourth_run(spec):
    """The run of the fourth trial, once its training is running."""
    runs = list_runs(spec.parent / "runs")
    return runs[0] if len(runs) == 4 and runs[0].state().epoch else None


def assert_whole(spec, count=6):
    rows = table(spec)
    assert [row["state"] for row in rows] == ["finished"] * count
    assert len({(row["dataset.batch_size"], row[RATE]) for row in rows}) == count
    assert len({row["runs"] for row in rows}) == count == len(list_runs(spec.parent / "runs"))


def test_two_processes_share_the_trials_of_one_storage(tmp_path):
    spec = write(tmp_path)
    both = [start(spec, seconds=0.2) for _ in range(2)]
    said = [end(process) for process in both]
    assert all("trial " in text and "best: trial" in text for text in said)
    begun = [line for text in said for line in text.splitlines() if line.startswith("trial ")]
    assert len(begun) == 6 and all(any(line in text for line in begun) for text in said)
    assert_whole(spec)
    assert sessions(spec) == [1] * 6


def test_a_killed_sweep_waits_for_the_training_that_outlived_it(tmp_path):
    spec = write(tmp_path)
    first = start(spec, seconds=0.2)
    until(lambda: fourth_run(spec))
    first.kill()
    first.communicate()
    assert "trial 4/6 goes on" in end(start(spec))
    assert_whole(spec)
    assert sessions(spec) == [1] * 6


def test_a_training_killed_with_its_sweep_goes_on_where_it_stood(tmp_path):
    spec = write(tmp_path)
    first = start(spec, seconds=0.2)
    run = until(lambda: fourth_run(spec))
    first.kill()
    os.kill(run.state().pid, signal.SIGKILL)
    first.communicate()
    end(start(spec))
    assert_whole(spec)
    assert sessions(spec) == [1, 1, 1, 2, 1, 1]
    assert run.history()["epoch"] == [1, 2]


def test_ctrl_c_saves_says_how_to_go_on_and_goes_on(tmp_path):
    spec = write(tmp_path)
    first = start(spec, "--set", "training.epochs=3", seconds=0.2)
    run = until(lambda: fourth_run(spec))
    first.send_signal(signal.SIGINT)
    said = end(first, status=130).splitlines()[-1]
    assert said.endswith("continue with python cli.py sweep tiny.yaml --set=training.epochs=3")
    assert run.state().status == "interrupted" and run.state().epoch < 3
    end(start(spec, "--set=training.epochs=3"))
    assert_whole(spec)
    assert run.state().status == "finished"


def test_a_sweep_ends_with_the_status_of_the_signal_and_begins_a_deleted_run_again(tmp_path):
    spec = write(tmp_path)
    first = start(spec, seconds=0.2)
    run = until(lambda: fourth_run(spec))
    first.send_signal(signal.SIGTERM)
    end(first, status=128 + signal.SIGTERM)
    shutil.rmtree(run.path)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup starts a program
    try:
        second = start(spec, seconds=0.2)
    finally:
        signal.signal(signal.SIGHUP, ignored)
    until(lambda: fourth_run(spec))
    second.send_signal(signal.SIGHUP)
    assert "trial 4/6 goes on" in end(second)
    assert_whole(spec)
    assert sessions(spec) == [1] * 6


def test_the_best_spec_is_ready_to_train_and_holds_no_sweep(tmp_path, capsys):
    spec = write(tmp_path)
    assert run_sweep(spec, "expected.psnr=20")
    best = load_spec(folder_of(spec).best_path).spec
    assert best.training.optimizer.arguments["learning_rate"] == 0.01
    assert best.sweep is None and best.expected is None and best.name == "tiny"
    pictures = [folder_of(spec).figure_path(name) for name in ("history", "slices", "importances")]
    assert all(path.stat().st_size > 5000 for path in pictures)
    capsys.readouterr()
    # Once more: nothing is left to do, and the results are shown again.
    assert run_sweep(spec, "expected.psnr=20")
    assert "6 have ended" in capsys.readouterr().out
    assert_whole(spec)


def test_a_failing_trial_is_recorded_and_the_sweep_goes_on(tmp_path, capsys):
    spec = write(tmp_path, parameters={"dataset.batch_size": {"values": [13, 16, 17, 0, "wrong"]}})
    with pytest.raises(RequestError, match="batch_size"):
        run_sweep(spec)  # values that the spec cannot hold are found before anything is trained
    spec = write(tmp_path, parameters={"dataset.batch_size": {"values": [13, 16, 17]}})
    assert run_sweep(spec)
    rows = table(spec)
    assert [row["state"] for row in rows] == ["failed", "finished", "failed"]
    assert rows[0]["message"] == "the loss is not finite at step 4"
    assert rows[2]["message"] == "dataset: cannot be trained"
    assert "trial 1 failed: the loss is not finite" in capsys.readouterr().out


def test_a_spec_that_cannot_be_trained_ends_the_sweep_after_three_trials(tmp_path):
    spec = write(tmp_path)
    with pytest.raises(RequestError, match=r"3 trials failed before their first step.*cannot be trained"):
        run_sweep(spec, "sweep.parameters={dataset.batch_size: {values: [17]}}")
    assert len(table(spec)) == 3


def test_a_hopeless_trial_is_stopped_early(tmp_path):
    # The last training would not end by itself. Median waits for five others first.
    rates = [0.011, 0.012, 0.013, 0.014, 0.015, 10.0]
    spec = write(tmp_path, parameters={RATE: {"values": rates}}, pruner="median")
    assert run_sweep(spec)
    rows = table(spec)
    assert [row["state"] for row in rows] == ["finished"] * 5 + ["pruned"]
    assert rows[-1]["val_loss"] == "" and list_runs(tmp_path / "runs")[0].state().status == "interrupted"
