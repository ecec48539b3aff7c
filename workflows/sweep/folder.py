"""The folder of a sweep, and the only module that knows its file names.

    runs/<name>/sweep/
        trials.journal  spec.yaml  best.yaml  trials.csv  figures/  logs/  locks/

It lies beside the runs of its trials, holds no `state.json` and is therefore no run. It names runs relative to itself,
so that the whole of `runs/<name>` can be moved.
"""

import os
import shutil
from pathlib import Path

import filelock

from builders.spec import LoadedSpec, load_spec
from common.errors import RequestError
from common.files import write_atomically, yaml_text
from run_directory.run import Run, folder_name


class SweepFolder:
    """Everything a sweep keeps besides the runs themselves. Constructing it touches nothing.

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
        """Makes the directories. Raises RequestError where that cannot be."""
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
        """Where a picture is kept."""
        return self.path / "figures" / f"{name}.png"

    def log_path(self, run: Run) -> Path:
        """What the training of a run printed."""
        return self.path / "logs" / f"{run.path.name}.log"

    # Runs

    def new_run(self, loaded: LoadedSpec) -> Run:
        """A new run of a trial's spec."""
        return Run.create(self.runs_dir, self.name, loaded)

    def run(self, name: str) -> Run:
        """The run that a trial knows by the name of its directory."""
        return Run(self.path.parent / name)

    # Locks

    def lock(self) -> filelock.BaseFileLock:
        """Held while trials are handed out and results written. The system releases it when its process ends."""
        return self._lock

    def journal_lock(self) -> filelock.BaseFileLock:
        """Held while something is appended to the storage."""
        return filelock.FileLock(self.path / "locks" / "journal.lock")

    def take_trial(self, number: int) -> filelock.BaseFileLock | None:
        """Takes hold of a trial, counted from 0, for as long as the lock is held; None where another process has it."""
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
        """Keeps the spec."""
        write_atomically(self.spec_path, yaml_text(loaded.merged))

    def clear(self) -> None:
        """Forgets the sweep; the runs of its trials stay. The caller holds the lock."""
        for path in self.path.iterdir():
            # Files of locks stay: to delete one that somebody waits for would give the same lock to two.
            if path.name == "locks":
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.make()
