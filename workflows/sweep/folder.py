"""The folder of a sweep, and the only module that knows its file names.

    runs/<name>/sweep/
        trials.journal  spec.yaml  best.yaml  trials.csv  figures/  logs/  locks/

It is beside the runs of its trials. It has no `state.json`, so it is not a run. It names runs relative to itself, so
that the whole of `runs/<name>` can be moved.


The spec of one trial: the sweep's, with the trial's values and without the sweep."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock

from builders.spec import LoadedSpec, load_spec
from builders.spec.overrides import outer_first
from builders.spec.variables import literal
from common.errors import RequestError
from common.files import write_atomically, yaml_text
from run_directory.run import Run, folder_name

# `expected` was measured with other values.
_LEFT_OUT = ("sweep=null", "expected=null")
_SEEDS = 2**32


class SweepFolder:
    """The files of a sweep. Constructing it creates nothing.

    Args:
        runs_dir: Where runs are kept.
        name: The spec's name.
    """

    def __init__(self, runs_dir: str | os.PathLike, name: str):
        self.runs_dir = Path(runs_dir)
        self.name = name
        self.path = self.runs_dir / folder_name(name) / "sweep"
        self._lock = filelock.FileLock(self.path / "locks" / "sweep.lock")

    def make(self) -> None:
        """Creates the directories. Raises RequestError where that fails."""
        try:
            for folder in (self.path / "locks", self.path / "logs"):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(
                f"{self.path}: cannot make this directory ({error.strerror}); choose another place with --runs-dir"
            ) from error

    @property
    def journal_path(self) -> Path:
        """Optuna's storage: all trials."""
        return self.path / "trials.journal"

    @property
    def best_path(self) -> Path:
        """The spec of the best trial, ready to train."""
        return self.path / "best.yaml"

    @property
    def table_path(self) -> Path:
        """All trials as a table."""
        return self.path / "trials.csv"

    def figure_path(self, name: str) -> Path:
        """The path of a picture."""
        return self.path / "figures" / f"{name}.png"

    def log_path(self, run: Run) -> Path:
        """The output of a run's training."""
        return self.path / "logs" / f"{run.path.name}.log"

    # Runs

    def new_run(self, loaded: LoadedSpec) -> Run:
        """A new run of a trial's spec."""
        return Run.create(self.runs_dir, self.name, loaded)

    def run(self, name: str) -> Run:
        """A run of a trial, by the name of its directory."""
        return Run(self.path.parent / name)

    # Locks

    def lock(self) -> filelock.BaseFileLock:
        """Held while trials are taken and results written. The system releases it when its process ends."""
        return self._lock

    def journal_lock(self) -> filelock.BaseFileLock:
        """Held while the storage is written."""
        return filelock.FileLock(self.path / "locks" / "journal.lock")

    def take_trial(self, number: int) -> filelock.BaseFileLock | None:
        """Locks a trial, counted from 0; None where another process holds it."""
        lock = filelock.FileLock(self.path / "locks" / f"trial-{number + 1:04d}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return None
        return lock

    # The spec

    @property
    def spec_path(self) -> Path:
        """The spec that the sweep began with, merged."""
        return self.path / "spec.yaml"

    def remembered(self) -> LoadedSpec | None:
        """The spec that the sweep began with, or None before it began."""
        return load_spec(self.spec_path) if self.spec_path.is_file() else None

    def remember(self, loaded: LoadedSpec) -> None:
        """Saves the spec that the sweep begins with."""
        write_atomically(self.spec_path, yaml_text(loaded.merged))

    def trial_spec(self, values: Mapping[str, Any], execution: int = 0) -> LoadedSpec:
        """The spec of a run of a trial.

        Args:
            values: Path → value.
            execution: Number of the run in its trial, from 0; each has another seed.

        Raises:
            SpecErrors: The values do not fit the rest of the spec.
        """
        texts = {path: json.dumps(literal(values[path]), ensure_ascii=False) for path in outer_first(values)}
        settings = [*(f"{path}={text}" for path, text in texts.items()), *_LEFT_OUT]
        loaded = load_spec(self.spec_path, settings)
        if execution == 0:
            return loaded
        return load_spec(self.spec_path, [*settings, f"seed={(loaded.spec.seed + execution) % _SEEDS}"])

    def clear(self) -> None:
        """Removes the sweep's files; the runs of its trials stay. The caller holds the lock."""
        for path in self.path.iterdir():
            # Deleting a lock's file while a process waits for it would give the lock to two processes.
            if path.name == "locks":
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.make()
