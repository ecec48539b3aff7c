"""What tests of sweeps share: a spec, a sweep in a process of its own, and what it left."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

from builders.spec import load_spec
from run_directory.run import list_runs
from tests.specs import AUTOENCODER
from workflows.console import new_console
from workflows.sweep.folder import SweepFolder
from workflows.sweep.sweep import sweep

ROOT = Path(__file__).resolve().parents[3]
FAKE = (sys.executable, str(Path(__file__).with_name("fake_trainer.py")))
RATE = "training.optimizer.Adam.learning_rate"
# The whole command, with another trainer; tells whether it has imported TensorFlow.
_COMMAND = f"""
import functools, sys
sys.path.insert(0, {str(ROOT)!r})
import cli, workflows.sweep.sweep as module
module.sweep = functools.partial(module.sweep, trainer={FAKE!r})
status = cli.main(sys.argv[1:])
assert "tensorflow" not in sys.modules
sys.exit(status)
"""


def write(folder: Path, name: str = "tiny", **sweep_section) -> Path:
    """A spec with a sweep; by default of two batch sizes and three learning rates."""
    section = {"parameters": {"dataset.batch_size": {"values": [8, 16]}, RATE: {"log": [1e-3, 1e-1], "steps": 3}}}
    path = folder / f"{name}.yaml"
    path.write_text(AUTOENCODER + yaml.safe_dump({"sweep": {**section, **sweep_section}}), encoding="utf-8")
    return path


def run_sweep(spec: Path, *overrides: str, reset=None) -> bool:
    """A sweep in this process, with the fake trainer."""
    return sweep(spec, overrides, spec.parent / "runs", new_console(), reset, FAKE)


def start(spec: Path, *arguments: str, seconds: float = 0) -> subprocess.Popen:
    """A sweep in a process of its own, with the fake trainer, in the spec's folder."""
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, "sweep", spec.name, *arguments],
        cwd=spec.parent,
        env={**os.environ, "FAKE_SECONDS": str(seconds)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen, status: int = 0) -> str:
    """Waits for a sweep to end; returns what it printed."""
    said, _ = process.communicate(timeout=120)
    assert process.returncode == status, said
    return said


def until(holds, seconds: float = 30):
    """Waits until something holds, and returns it."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        found = holds()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def table(spec: Path) -> list[dict[str, str]]:
    """The rows of trials.csv."""
    with folder_of(spec).table_path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def folder_of(spec: Path) -> SweepFolder:
    """The sweep's folder."""
    return SweepFolder(spec.parent / "runs", load_spec(spec).spec.name)


def sessions(spec: Path) -> list[int]:
    """How often each run was worked on, the oldest first."""
    runs = reversed(list_runs(spec.parent / "runs"))
    return [len((run.path / "sessions.txt").read_text().splitlines()) for run in runs]
