"""The run directory: everything a training leaves on disk, and the only module that knows its file names.

    runs/<name>/<UTC time>-<4 letters>/
        spec.yaml  spec.resolved.json  environment.json  state.json  history.csv
        checkpoints/  tensorboard/  evaluation/<split>-<checkpoint>/  samples/  figures/  export/  report.html

Paths inside are relative, so a run can be moved, copied or zipped. Imports no TensorFlow: the viewer and the table of
runs must open in milliseconds.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import string
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builders.errors import RequestError
from files import write_atomically, yaml_text
from run_history import read_rows, row_of, series, write_rows
from run_state import Checkpoint, RunState, process_lives

if TYPE_CHECKING:
    from builders.spec import LoadedSpec

# In an evaluation's folder.
LATENTS_FILE = "latents.npy"
_CHECKPOINT_FILE = re.compile(r"step-(\d+)\.safetensors")


class Run:
    """One run directory. Constructing it touches nothing; use `Run.create` or `Run.open`.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    # Finding and making runs

    @classmethod
    def create(cls, runs_dir: str | os.PathLike, name: str) -> "Run":
        """Makes a new directory `runs_dir/name/<UTC time>-<4 letters>` with a state of `created`."""
        folder = Path(runs_dir) / folder_name(name)
        now = datetime.now(UTC)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while True:
                letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))
                path = folder / f"{now:%Y%m%d-%H%M%S}-{letters}"
                with contextlib.suppress(FileExistsError):
                    path.mkdir()
                    break
        except OSError as error:
            raise RequestError(
                f"{folder}: cannot make a run directory here ({error.strerror}); choose another place with --runs-dir"
            ) from error
        run = cls(path)
        run._write_state(RunState(started=now.isoformat(), pid=os.getpid(), host=socket.gethostname()))
        return run

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Run":
        """The run at `path`. Raises RequestError where there is none."""
        if not is_run(path):
            given = Path(path)
            inside = [f"{child}" for child in list_run_paths(given)] if given.is_dir() else []
            if inside:
                hint = f"it holds {len(inside)} run{'s' * (len(inside) > 1)}; the newest is {inside[0]}"
            else:
                hint = "`python cli.py runs` lists those there are"
            what = "is not a run: it holds no state.json" if given.exists() else "no such run"
            raise RequestError(f"{path}: {what}; {hint}")
        return cls(path)

    # Spec and environment

    @property
    def spec_path(self) -> Path:
        """The merged spec, as text."""
        return self.path / "spec.yaml"

    def load_spec(self) -> "LoadedSpec":
        """The merged spec this run was started with."""
        from builders.spec import load_spec

        if not self.spec_path.is_file():
            raise RequestError(f"{self.path}: its spec.yaml is missing, so nothing can be rebuilt from this run")
        return load_spec(self.spec_path)

    def resolved_spec(self) -> dict[str, Any]:
        """The spec with everything filled in, as plain data; empty where it was not kept."""
        return self._read_json("spec.resolved.json") or {}

    def write_spec(self, loaded: "LoadedSpec") -> None:
        """Keeps a spec as `spec.yaml` (merged, readable) and `spec.resolved.json` (everything filled in)."""
        write_atomically(self.spec_path, yaml_text(loaded.merged))
        self._write_json("spec.resolved.json", loaded.resolved)

    def environment(self) -> dict[str, Any]:
        """What `write_environment` kept; empty where nothing was."""
        return self._read_json("environment.json") or {}

    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images that its network takes.

        Raises:
            RequestError: It was not kept.
        """
        try:
            height, width, channels = self.environment()["image_shape"]
        except (KeyError, TypeError, ValueError):
            raise RequestError(f"{self.path}: environment.json does not say which images its network takes") from None
        return height, width, channels

    def image_counts(self) -> dict[str, int]:
        """Name of a split → how many images it had.

        Raises:
            RequestError: It was not kept.
        """
        try:
            return dict(self.environment()["dataset"]["images"])
        except (KeyError, TypeError, ValueError):
            raise RequestError(f"{self.path}: environment.json does not say how many images it trained on") from None

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Keeps versions, devices, hashes and whatever else the figures of this run depend on."""
        self._write_json("environment.json", dict(environment))

    # State

    def state(self) -> RunState:
        """How far the run is. A run whose process is gone is `interrupted`, whatever its file still says."""
        state = self._written_state()
        if state.status in ("created", "training") and not process_lives(state):
            state = replace(state, status="interrupted")
        return state

    def stamp(self) -> tuple[int, ...]:
        """Changes whenever the state, the history, samples, checkpoints or an evaluation have changed on disk."""
        evaluations: list[Path] = []
        with contextlib.suppress(OSError):
            evaluations = sorted((self.path / "evaluation").iterdir())
        always = (self.path / "state.json", self.history_path, self.samples_dir, self.checkpoint_path(0).parent)
        return tuple(_changed(path) for path in (*always, *evaluations))

    def update_state(self, **changes: Any) -> RunState:
        """Changes some fields of the state and stamps it with the time."""
        return self._write_state(replace(self._written_state(), **changes))

    def _written_state(self) -> RunState:
        try:
            return RunState.read(self._read_json("state.json") or {})
        except ValueError as error:
            raise RequestError(f"{self.path / 'state.json'}: {error}; restore it from a copy of the run") from None

    def _write_state(self, state: RunState) -> RunState:
        state = replace(state, updated=datetime.now(UTC).isoformat())
        self._write_json("state.json", asdict(state))
        return state

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the run for this process. Raises RequestError, naming the holder, where another process holds it."""
        import filelock

        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            holder = self._written_state()
            raise RequestError(
                f"{self.path}: process {holder.pid} on {holder.host or 'an unknown machine'} is working on this run; "
                "wait for it to end or stop it first"
            ) from None
        try:
            self.update_state(pid=os.getpid(), host=socket.gethostname())
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Whether a process, here or on a machine that shares this file system, holds the run at this moment."""
        import filelock

        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        lock.release()
        return False

    # History

    @property
    def history_path(self) -> Path:
        """The table of finished epochs."""
        return self.path / "history.csv"

    def append_history(self, row: Mapping[str, float | int | str]) -> None:
        """Adds the row of one finished epoch; columns that are new are empty in the rows above."""
        write_rows(self.history_path, [*read_rows(self.history_path), row_of(row)])

    def truncate_history(self, epoch: int) -> None:
        """Drops the rows of epochs after `epoch`, which a resumed run will write again."""
        rows = read_rows(self.history_path)
        write_rows(self.history_path, [row for row in rows if float(row.get("epoch") or 0) <= epoch])

    def history(self) -> dict[str, list]:
        """Column → one value per finished epoch: int, float, or None where an epoch lacks it."""
        return series(read_rows(self.history_path))

    # Checkpoints

    def checkpoint_path(self, step: int) -> Path:
        """Where the state after `step` steps is kept."""
        return self.path / "checkpoints" / f"step-{step:08d}.safetensors"

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints on disk, oldest first."""
        per_epoch = self._written_state().steps_per_epoch or 0
        found = []
        for path in (self.path / "checkpoints").glob("step-*.safetensors"):
            if match := _CHECKPOINT_FILE.fullmatch(path.name):
                step = int(match[1])
                found.append(Checkpoint(path, step, step // per_epoch if per_epoch else 0))
        return sorted(found, key=lambda checkpoint: checkpoint.step)

    def checkpoint(self, which: str | int = "best") -> Checkpoint:
        """The checkpoint called `best`, `last`, or by its step. Raises RequestError where there is none."""
        found = self.checkpoints()
        if not found:
            raise RequestError(f"{self.path}: no checkpoint yet; continue it with ./trainer.sh {self.path}")
        steps = ", ".join(str(checkpoint.step) for checkpoint in found)
        if which == "last":
            return found[-1]
        if which == "best":
            best = self._written_state().best
            if best is None:
                raise RequestError(
                    f"{self.path}: no checkpoint is the best yet, for no epoch was finished; use --checkpoint last"
                )
            wanted = int(best["step"])
        elif str(which).isdecimal():
            wanted = int(which)
        else:
            raise RequestError(f"checkpoint '{which}': expected best, last or a step: {steps}")
        for checkpoint in found:
            if checkpoint.step == wanted:
                return checkpoint
        raise RequestError(f"{self.path}: no checkpoint of step {wanted}; there are best, last and {steps}")

    def delete_checkpoint(self, step: int) -> None:
        """Removes the checkpoint of a step; nothing happens where there is none."""
        self.checkpoint_path(step).unlink(missing_ok=True)

    # Folders

    @property
    def figures_dir(self) -> Path:
        """Pictures about the whole run: curves."""
        return self.path / "figures"

    @property
    def samples_dir(self) -> Path:
        """Grids drawn while training."""
        return self.path / "samples"

    def newest_samples(self) -> Path | None:
        """The grid drawn last, where there is one."""
        return max(self.samples_dir.glob("epoch-*.png"), key=lambda path: path.name, default=None)

    @property
    def tensorboard_dir(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def export_dir(self) -> Path:
        """Exported models."""
        return self.path / "export"

    @property
    def report_path(self) -> Path:
        """The page that sums the run up."""
        return self.path / "report.html"

    def evaluation_dir(self, split: str, checkpoint: str) -> Path:
        """Figures of one split under one checkpoint (`best`, `last` or a step)."""
        return self.path / "evaluation" / f"{split}-{checkpoint}"

    def metrics_path(self, split: str, checkpoint: str) -> Path:
        """The figures of an evaluation: `metrics.json`."""
        return self.evaluation_dir(split, checkpoint) / "metrics.json"

    def latents_path(self, evaluation: str) -> Path:
        """Where an evaluation (`test-best`) keeps the latents it found, float32 [images, dimensions]."""
        return self.path / "evaluation" / evaluation / LATENTS_FILE

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """Name of an evaluation, such as `test-best`, → what its metrics.json holds."""
        found = {}
        for path in sorted((self.path / "evaluation").glob("*/metrics.json")):
            with contextlib.suppress(OSError, ValueError, RecursionError):
                read = json.loads(path.read_text(encoding="utf-8"))
                metrics = read.get("metrics") if isinstance(read, dict) else None
                if isinstance(metrics, dict) and all(isinstance(entry, dict) for entry in metrics.values()):
                    found[path.parent.name] = read
        return found

    # JSON

    def _read_json(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(read, dict):
                raise ValueError("it holds no mapping")
            return read
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise RequestError(f"{path}: cannot be read as JSON ({error}); restore it from a copy of the run") from None

    def _write_json(self, name: str, value: Mapping[str, Any]) -> None:
        write_atomically(self.path / name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def is_run(path: str | os.PathLike) -> bool:
    """Whether a directory is a run: whether it holds `state.json`."""
    return (Path(path) / "state.json").is_file()


def find_run_paths(runs_dir: str | os.PathLike) -> set[Path]:
    """Paths of the runs under a directory."""
    root = Path(runs_dir)
    return {file.parent for pattern in ("*/state.json", "*/*/state.json") for file in root.glob(pattern)}


def list_run_paths(runs_dir: str | os.PathLike) -> list[Path]:
    """Paths of the runs under a directory, newest first by the time they were started."""
    paths = find_run_paths(runs_dir)

    def started(path: Path) -> tuple[str, str]:
        try:
            return str(json.loads((path / "state.json").read_text(encoding="utf-8"))["started"]), path.name
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "", path.name

    return sorted(paths, key=started, reverse=True)


def list_runs(runs_dir: str | os.PathLike = "runs") -> list[Run]:
    """The runs under a directory, newest first."""
    return [Run(path) for path in list_run_paths(runs_dir)]


def newest(runs_dir: str | os.PathLike = "runs", name: str | None = None) -> Run:
    """The run started last, of all or of the spec called `name`. Raises RequestError where there is none."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RequestError(f"{runs_dir}: no runs here yet; train one with ./trainer.sh specs/quickstart.yaml")
    if name is not None:
        runs = [run for run in runs if run.path.parent.name == folder_name(name)]
        if not runs:
            raise RequestError(f"{runs_dir}: no run of the spec '{name}' yet; train it first with ./trainer.sh")
    return runs[0]


def folder_name(name: str) -> str:
    """The folder that holds the runs of the spec called `name`: the name without what file systems object to."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "run"


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
