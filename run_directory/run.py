"""The run directory: everything a training writes to disk, and the only module that knows its file names.

    runs/<name>/<UTC time>-<4 letters>/
        spec.yaml  spec.resolved.json  environment.json  state.json  history.csv
        checkpoints/  tensorboard/  evaluation/<split>-<checkpoint>/  samples/  figures/  export/  report.html

Paths inside are relative, so a run can be moved, copied or zipped. Imports no TensorFlow: the viewer and the table of
runs must open in milliseconds.
"""

import contextlib
import os
import re
import secrets
import socket
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import RequestError
from common.files import yaml_text
from common.plugins import require_plugins
from common.program import typed
from run_directory.checkpoints import (
    Checkpoint,
    choose,
    delete_checkpoint,
    find_checkpoints,
    is_regular,
    whole_or_other,
)
from run_directory.folder import ENVIRONMENT, EVALUATION, RunFolder, folders_in, making
from run_directory.state import Row, RunState, parse_rows, process_lives, row_of, rows_text, series

if TYPE_CHECKING:
    from builders.spec import LoadedSpec

# In an evaluation's folder.
LATENTS_FILE = "latents.npy"


class Run(RunFolder):
    """One run directory. Constructing it touches nothing; use `Run.create` or `Run.open`.

    Args:
        path: The directory.
    """

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    # Finding and making runs

    @classmethod
    def create(cls, runs_dir: str | os.PathLike, name: str, loaded: "LoadedSpec | None" = None) -> "Run":
        """Makes `runs_dir/name/<UTC time>-<4 letters>` with a state of `created` and a spec, whole or not at all."""
        folder = Path(runs_dir) / folder_name(name)
        now = datetime.now(UTC)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with making(folder):
                path = folder / f"{now:%Y%m%d-%H%M%S}-{_letters()}"
                while path.exists():
                    path = path.with_name(f"{path.name[:-4]}{_letters()}")
                draft = cls(path.with_name(f".{path.name}"))
                draft.path.mkdir()
                draft._write_state(RunState(started=now.isoformat(), pid=os.getpid(), host=socket.gethostname()))
                if loaded is not None:
                    draft.write_spec(loaded)
                draft.path.rename(path)
        except OSError as error:
            raise RequestError(
                f"{folder}: cannot make a run directory here ({error.strerror}); choose another place with --runs-dir"
            ) from error
        return cls(path)

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Run":
        """The run at `path`. Raises RequestError where there is none."""
        if not is_run(path):
            given = Path(path)
            if inside := list_run_paths(given) if given.is_dir() else []:
                runs = f"{len(inside)} run{'s' * (len(inside) > 1)}"
                raise RequestError(f"{path} is a folder of {runs}; name the run: {inside[0]}")
            hint = f"`{typed('runs')}` lists those there are"
            what = "is not a run: it holds no state.json" if given.exists() else "no such run"
            raise RequestError(f"{path}: {what}; {hint}")
        return cls(path)

    # Spec and environment

    @property
    def spec_path(self) -> Path:
        """The merged spec, as text."""
        return self.inside("spec.yaml")

    def load_spec(self, overrides: Sequence[str] = ()) -> "LoadedSpec":
        """The merged spec this run was started with; the plugins it was trained with must be loaded."""
        from builders.spec import load_spec

        if not self.spec_path.is_file():
            raise RequestError(f"{self.path}: its spec.yaml is missing, so nothing can be rebuilt from this run")
        self.require_plugins()
        return load_spec(self.spec_path, overrides)

    def require_plugins(self) -> None:
        """Raises RequestError where a plugin that the run was trained with is not loaded; reports one that changed."""
        require_plugins(self.environment().get("plugins", {}), str(self.path))

    def resolved_spec(self) -> dict[str, Any]:
        """The spec with everything filled in, as plain data; empty where it was not kept."""
        return self.read_json("spec.resolved.json") or {}

    def write_spec(self, loaded: "LoadedSpec") -> None:
        """Keeps a spec as `spec.yaml` (merged, readable) and `spec.resolved.json` (everything filled in)."""
        self.write(yaml_text(loaded.merged), "spec.yaml")
        self.write_json(loaded.resolved, "spec.resolved.json")

    def environment(self) -> dict[str, Any]:
        """What `write_environment` kept; empty where nothing was."""
        return self.read_json("environment.json", kind=ENVIRONMENT) or {}

    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images that its network takes. Raises RequestError where it was not kept."""
        try:
            height, width, channels = self.environment()["image_shape"]
        except (KeyError, TypeError, ValueError):
            raise RequestError(f"{self.path}: environment.json does not say which images its network takes") from None
        return height, width, channels

    def image_counts(self) -> dict[str, int]:
        """Name of a split → how many images it had. Raises RequestError where it was not kept."""
        try:
            return dict(self.environment()["dataset"]["images"])
        except (KeyError, TypeError, ValueError):
            raise RequestError(f"{self.path}: environment.json does not say how many images it trained on") from None

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Keeps versions, devices, hashes and everything else that the figures of this run depend on."""
        self.write_json(environment, "environment.json")

    # State

    def state(self) -> RunState:
        """How far the run is. A run whose process is gone is `interrupted`, even if state.json says otherwise."""
        state = self._written_state()
        if state.status in ("created", "training") and not process_lives(state):
            state = replace(state, status="interrupted")
        return state

    def stamp(self) -> tuple[int, ...]:
        """Changes whenever the state, the history, samples, checkpoints or an evaluation have changed on disk."""
        evaluations: list[Path] = []
        with contextlib.suppress(OSError):
            evaluations = sorted((self.path / "evaluation").iterdir())
        # Not by way of `inside`: nothing is opened, and a run that holds a link changes like any other.
        always = (self.path / name for name in ("state.json", "history.csv", "samples", "checkpoints"))
        return tuple(_changed(path) for path in (*always, *evaluations))

    def update_state(self, **changes: Any) -> RunState:
        """Changes some fields of the state and stamps it with the time."""
        return self._write_state(replace(self._written_state(), **changes))

    def _written_state(self) -> RunState:
        try:
            return RunState.read(self.read_json("state.json") or {})
        except ValueError as error:
            raise RequestError(f"{self.path / 'state.json'}: {error}; restore it from a copy of the run") from None

    def _write_state(self, state: RunState) -> RunState:
        state = replace(state, updated=datetime.now(UTC).isoformat())
        self.write_json(asdict(state), "state.json")
        return state

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the run for this process. Raises RequestError, naming the holder, where another process holds it.

        Unfinished files are removed; once the folder is deleted or moved, writing raises RunGone.
        """
        import filelock

        lock = filelock.FileLock(self.inside(".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            holder = self._written_state()
            raise RequestError(
                f"{self.path}: process {holder.pid} on {holder.host or 'an unknown machine'} is working on this run; "
                "wait for it to end or stop it first"
            ) from None
        except OSError as error:
            raise RequestError(
                f"{self.path}: cannot be written to ({error.strerror}); copy the run elsewhere"
            ) from None
        try:
            self.remember()
            self.remove_unfinished()
            with contextlib.suppress(RequestError):  # the caller repairs a state that is lost or damaged
                if self.read("state.json") is not None:
                    self.update_state(pid=os.getpid(), host=socket.gethostname())
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Whether a process, here or on a machine that shares this file system, holds the run now."""
        import filelock

        try:
            with filelock.FileLock(self.inside(".lock")).acquire(timeout=0):
                return False
        except filelock.Timeout:
            return True
        except OSError:  # a folder that cannot be written to: no process works on it
            return False

    # History

    @property
    def history_path(self) -> Path:
        """The table of finished epochs."""
        return self.inside("history.csv")

    def history_rows(self) -> list[Row]:
        """The rows of the table. Raises RequestError where it cannot be read."""
        return parse_rows(self.read("history.csv") or b"", self.history_path)

    def append_history(self, row: Mapping[str, float | int]) -> None:
        """Adds the row of one finished epoch; columns that are new are empty in the rows above."""
        self.write(rows_text([*self.history_rows(), row_of(row)]), "history.csv")

    def truncate_history(self, epoch: int) -> None:
        """Drops the rows of epochs after `epoch`, which a resumed run will write again."""
        self.write(rows_text([row for row in self.history_rows() if int(row["epoch"]) <= epoch]), "history.csv")

    def history(self) -> dict[str, list]:
        """Column → one value per finished epoch: int, float, or None where an epoch lacks it."""
        return series(self.history_rows())

    # Checkpoints

    def checkpoint_path(self, step: int) -> Path:
        """Where the state after `step` steps is kept."""
        return self.inside("checkpoints", f"step-{step:08d}.safetensors")

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints on disk, oldest first."""
        return find_checkpoints(self.inside("checkpoints"), self._written_state().steps_per_epoch or 0)

    def checkpoint(self, which: str | int = "best") -> Checkpoint:
        """The checkpoint called `best`, `last`, or by its step. Raises RequestError where there is none."""
        return choose(self.path, self.checkpoints(), which, self._written_state().best)

    def hold_checkpoint(self, which: str | int = "best") -> tuple[Checkpoint, str]:
        """As `checkpoint`, for reading: as long as what is returned lives, no training deletes its file.

        Returns:
            The checkpoint; and a sentence where `best` or `last` is damaged and replaced: by the newest whole one
            before it, or else the oldest after it.

        Raises:
            RequestError: There is none, or the step asked for is damaged.
        """
        while not (wanted := self.checkpoint(which).held()):
            continue  # it was deleted since it was chosen: there is a newer one
        return whole_or_other(wanted, self.checkpoints() if which in ("best", "last") else [])

    def delete_checkpoint(self, step: int) -> None:
        """Deletes the checkpoint of a step, unless some process holds it; nothing happens where there is none."""
        self.check_present()
        delete_checkpoint(self.checkpoint_path(step))

    # Folders

    @property
    def figures_dir(self) -> Path:
        """Pictures about the whole run: curves."""
        return self.inside("figures")

    @property
    def samples_dir(self) -> Path:
        """Grids drawn while training."""
        return self.inside("samples")

    def newest_samples(self) -> Path | None:
        """The grid drawn last, where there is one."""
        return max(self.samples_dir.glob("epoch-*.png"), key=lambda path: path.name, default=None)

    @property
    def tensorboard_dir(self) -> Path:
        """TensorBoard's event files."""
        return self.inside("tensorboard")

    @property
    def export_dir(self) -> Path:
        """Exported models."""
        return self.inside("export")

    @property
    def report_path(self) -> Path:
        """The page that sums the run up."""
        return self.inside("report.html")

    def evaluation_dir(self, split: str, checkpoint: str) -> Path:
        """Figures of one split at one checkpoint (`best`, `last` or a step): `metrics.json`, arrays and pictures."""
        return self.inside("evaluation", f"{split}-{checkpoint}")

    def metrics_path(self, split: str, checkpoint: str) -> Path:
        """The figures of an evaluation."""
        return self.inside("evaluation", f"{split}-{checkpoint}", "metrics.json")

    def latents_path(self, evaluation: str) -> Path:
        """Where an evaluation (`test-best`) keeps the latents it found, float32 [images, dimensions]."""
        return self.inside("evaluation", evaluation, LATENTS_FILE)

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """Name of an evaluation, such as `test-best`, → what its metrics.json holds, where that can be read."""
        return self._read_evaluations()[0]

    def damaged_evaluations(self) -> list[str]:
        """What is wrong with each evaluation that cannot be read, on a line."""
        return self._read_evaluations()[1]

    def _read_evaluations(self) -> tuple[dict[str, dict[str, Any]], list[str]]:
        found, wrong = {}, []
        for path in sorted((self.path / "evaluation").glob("*/metrics.json")):
            try:
                read = self.read_json("evaluation", path.parent.name, "metrics.json", kind=EVALUATION) or {}
            except RequestError as error:
                wrong.append(f"{error}, or measure again with {typed('validate')}")
                continue
            if "metrics" in read:
                found[path.parent.name] = read
        return found, wrong


def is_run(path: str | os.PathLike) -> bool:
    """Whether a directory is a run: whether it holds `state.json`, or files to restore a lost one from."""
    if is_regular(os.path.join(path, "state.json")):
        return True
    return is_regular(os.path.join(path, "spec.yaml")) and os.path.isdir(os.path.join(path, "checkpoints"))


def find_run_paths(runs_dir: str | os.PathLike) -> set[Path]:
    """Paths of the runs under a directory."""
    paths = [path for folder in folders_in(runs_dir) for path in (folder, *folders_in(folder))]
    return {Path(path) for path in paths if is_run(path)}


def list_run_paths(runs_dir: str | os.PathLike) -> list[Path]:
    """Paths of the runs under a directory, newest first by the time they were started."""
    paths = find_run_paths(runs_dir)

    def started(path: Path) -> tuple[str, str]:
        try:
            return str((Run(path).read_json("state.json") or {})["started"]), path.name
        except (RequestError, KeyError):
            # The name holds the time too, in UTC: a damaged run must not make an older one the newest.
            found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-.*", path.name)
            return "{}-{}-{}T{}:{}:{}".format(*found.groups()) if found else "", path.name

    return sorted(paths, key=started, reverse=True)


def list_runs(runs_dir: str | os.PathLike = "runs") -> list[Run]:
    """The runs under a directory, newest first."""
    return [Run(path) for path in list_run_paths(runs_dir)]


def newest(runs_dir: str | os.PathLike = "runs", name: str | None = None) -> Run:
    """The run started last, of all or of the spec called `name`. Raises RequestError where there is none."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RequestError(f"{runs_dir}: no runs here yet; train one with {typed('train specs/quickstart.yaml')}")
    if name is not None:
        runs = [run for run in runs if run.path.parent.name == folder_name(name)]
        if not runs:
            raise RequestError(f"{runs_dir}: no run of the spec '{name}' yet; train it first with {typed('train')}")
    return runs[0]


def _letters() -> str:
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))


def folder_name(name: str) -> str:
    """The folder that holds the runs of the spec called `name`: the name without what file systems object to."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "run"


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
