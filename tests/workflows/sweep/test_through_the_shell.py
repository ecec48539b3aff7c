"""A sweep with real trainings, killed in its fourth trial."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

from run_directory.run import list_runs
from tests.specs import AUTOENCODER
from tests.workflows.sweep.sweeping import folder_of, until

ROOT = Path(__file__).resolve().parents[3]
SWEEP = """
sweep:
  objective: val_psnr
  parameters:
    training.optimizer.Adam.learning_rate: {log: [1e-4, 1e-2], steps: 3}
    encoder.layers.1.Dense.units: {values: [4, 16]}
"""


def start(spec, *arguments):
    command = [sys.executable, str(ROOT / "cli.py"), *arguments]
    return subprocess.Popen(
        command,
        cwd=spec.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_sweep_of_two_by_three_killed_in_its_fourth_trial_ends_with_six(tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(AUTOENCODER.replace("epochs: 2", "epochs: 1") + SWEEP)
    first = start(spec, "sweep", spec.name)
    for line in first.stdout:
        if line.startswith("trial 4/6"):
            break
    # The training of the fourth trial has a process by then, but not its run yet: TensorFlow takes seconds to start.
    until(lambda: len(list_runs(tmp_path / "runs")) == 4)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = start(spec, "sweep", spec.name)
    said, _ = second.communicate(timeout=300)
    assert second.returncode == 0, said
    assert "trial 4/6 goes on" in said and "3 have ended" in said
    with folder_of(spec).table_path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["finished"] * 6
    assert len({tuple(row.values())[1:3] for row in rows}) == 6
    runs = list_runs(tmp_path / "runs")
    assert len(runs) == 6 and all(run.history()["epoch"] == [1] for run in runs)
    best = max(float(row["val_psnr"]) for row in rows)
    assert best == max(run.history()["val_psnr"][0] for run in runs)
    checked = start(spec, "check", str(folder_of(spec).best_path))
    assert ": OK" in checked.communicate()[0]
