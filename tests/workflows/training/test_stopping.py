"""Trainings that are stopped from outside: by signals, a closed terminal, and a deleted folder."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import RequestError
from run_directory.run import list_runs
from tests.specs import AUTOENCODER, write_spec
from workflows.training.restore import restore
from workflows.training.train import train

ROOT = Path(__file__).resolve().parents[3]
# Long enough to be met while it trains.
LONG = ["training.epochs=5000", "training.checkpoints={every: 50}", "logging.samples=null"]


def meet(run_or_spec: Path, settings=(), cwd=None, **options) -> subprocess.Popen:
    """A training in a process of its own, in the middle of its work."""
    command = [sys.executable, str(ROOT / "cli.py"), "train", str(run_or_spec)]
    command += [part for setting in settings for part in ("--set", setting)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, cwd=cwd, text=True, **pipes)


def wait_for(condition, process: subprocess.Popen, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def epochs_of(runs: Path) -> int:
    found = list_runs(runs)
    return found[0].state().epoch if found else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_after_the_step_and_saves(tmp_path, number):
    spec = write_spec(tmp_path, AUTOENCODER)
    with meet(spec, LONG, tmp_path) as process:
        wait_for(lambda: epochs_of(tmp_path / "runs") > 1, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    [run] = list_runs(tmp_path / "runs")
    assert process.returncode == 128 + number
    assert f"saved; continue with ./trainer.sh {run.path.relative_to(tmp_path)}" in said
    assert run.state().status == "interrupted"
    assert run.checkpoints()[-1].step == run.state().step


def test_a_terminal_that_is_closed_costs_nothing(tmp_path):
    ours, theirs = pty.openpty()
    process = meet(
        write_spec(tmp_path, AUTOENCODER),
        LONG,
        tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    wait_for(lambda: epochs_of(tmp_path / "runs") > 1, process)
    os.close(ours)  # writes fail from now on
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 129
    [run] = list_runs(tmp_path / "runs")
    assert run.state().status == "interrupted" and run.checkpoints()[-1].step == run.state().step


def test_a_run_that_trains_is_measured_not_trained_twice_and_not_made_again(tmp_path):
    with meet(write_spec(tmp_path, AUTOENCODER), LONG, tmp_path) as process:
        wait_for(lambda: epochs_of(tmp_path / "runs") > 1, process)
        [run] = list_runs(tmp_path / "runs")
        with pytest.raises(RequestError, match=f"process {process.pid} on .* is working on this run"):
            train(run.path, verbose=0)
        for _ in range(3):
            step = restore(run, "last").checkpoint.step
            wait_for(lambda: run.state().step > step + 200, process)  # noqa: B023
        shutil.rmtree(run.path, ignore_errors=True)
        shutil.rmtree(run.path, ignore_errors=True)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was deleted, moved or replaced while it was being worked on" in said
    assert not run.path.exists()
