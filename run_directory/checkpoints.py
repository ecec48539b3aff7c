"""The checkpoints of a run as files: which exist, which one is meant, and how one stays while it is read.

A checkpoint is a safetensors file with a hash of its arrays. Its header also holds the run's own small files as text,
its *record*: files that are damaged later can be restored from the newest checkpoint.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from common.errors import RequestError
from common.files import open_regular
from common.formatting import printable
from common.program import typed

if TYPE_CHECKING:
    import numpy as np

_FILE = re.compile(r"step-(\d{1,18})\.safetensors")
# As the format allows; longer ones are refused before they are read.
_MOST_HEADER_BYTES = 100_000_000


class DamagedCheckpoint(RequestError):
    """A checkpoint's file is cut, changed, or lacks the hash that says it is whole."""


@dataclass(frozen=True)
class Checkpoint:
    """A saved state of a run.

    Args:
        path: Its file.
        step: The step after which it was written.
        epoch: The epochs finished by then.
    """

    path: Path
    step: int
    epoch: int
    _file: BinaryIO | None = field(default=None, compare=False, repr=False)

    def held(self) -> "Checkpoint | None":
        """This checkpoint with its file held open, so that no process deletes it; None where it is gone already.

        Raises:
            RequestError: It is no regular file, or cannot be opened.
        """
        try:
            file = open_regular(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RequestError(
                f"{self.path}: cannot be read ({error.strerror}); use another with --checkpoint"
            ) from None
        with contextlib.suppress(OSError):  # without locks it may be deleted, which reading it then reports
            fcntl.flock(file, fcntl.LOCK_SH)
        if not os.path.exists(self.path):
            file.close()
            return None
        return replace(self, _file=file)


def find_checkpoints(folder: Path, steps_per_epoch: int) -> list[Checkpoint]:
    """The checkpoints in a folder, oldest first; only regular files are any."""
    found = []
    for path in folder.glob("step-*.safetensors"):
        if (match := _FILE.fullmatch(path.name)) and is_regular(path):
            step = int(match[1])
            found.append(Checkpoint(path, step, step // steps_per_epoch if steps_per_epoch else 0))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def delete_checkpoint(path: Path) -> None:
    """Deletes a checkpoint's file, unless some process holds it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except BlockingIOError:
        return  # the next call finds it again
    except OSError:
        path.unlink(missing_ok=True)  # it is gone, or on a file system without locks


def choose(run: Path, found: Sequence[Checkpoint], which: str | int, best: Mapping[str, Any] | None) -> Checkpoint:
    """The checkpoint that a name means.

    Args:
        run: The run's path, for messages.
        found: All checkpoints, oldest first.
        which: `best`, `last`, or a step.
        best: What the run's state says of its best.

    Raises:
        RequestError: There is none of that name.
    """
    if not found:
        raise RequestError(f"{run}: no checkpoint yet; continue it with {typed('train', run)}")
    steps = ", ".join(str(checkpoint.step) for checkpoint in found)
    if which == "last":
        return found[-1]
    if which == "best":
        if best is None:
            raise RequestError(f"{run}: no best checkpoint yet, because no epoch has finished; use --checkpoint last")
        wanted = best["step"]
    elif str(which).isdecimal() and len(str(which)) <= 18:
        wanted = int(which)
    else:
        raise RequestError(f"checkpoint '{which}': expected best, last or a step: {steps}")
    for checkpoint in found:
        if checkpoint.step == wanted:
            return checkpoint
    if which == "best":
        raise RequestError(
            f"{run}: its best checkpoint, of step {wanted}, is gone; use --checkpoint last, or one of {steps}"
        )
    raise RequestError(f"{run}: no checkpoint of step {wanted}; there are best, last and {steps}")


def whole_or_other(wanted: Checkpoint, others: Sequence[Checkpoint]) -> tuple[Checkpoint, str]:
    """A checkpoint, or where it is damaged its replacement: the newest before it, or else the oldest after it.

    Args:
        wanted: A checkpoint that is held.
        others: Those that may replace it.

    Returns:
        A whole checkpoint that is held, and a sentence where it is another one.

    Raises:
        DamagedCheckpoint: None is whole.
    """
    try:
        check_whole(wanted.path)
        return wanted, ""
    except DamagedCheckpoint as error:
        damage = error
    step = wanted.step
    for other in sorted(others, key=lambda other: (other.step > step, abs(other.step - step))):
        with contextlib.suppress(DamagedCheckpoint):
            if other.step != step and (held := other.held()):
                check_whole(held.path)
                return held, f"the checkpoint of step {step} is damaged; step {held.step} takes its place"
    raise damage


def read_arrays(
    path: Path, hashed: bool = True, checked: bool = False, wanted: Callable[[str], bool] | None = None
) -> "tuple[dict[str, np.ndarray], dict[str, str]]":
    """Arrays of a checkpoint by name, and its header.

    Args:
        path: A safetensors file.
        hashed: Whether a hash of its content must be in it, as in all that `write_checkpoint` writes.
        checked: Whether `check_whole` has read it while it was held, so that it need not be checked again.
        wanted: Which arrays, by name. Unset: all.

    Raises:
        DamagedCheckpoint: It is not whole, or holds values that are not finite.
    """
    with _opened(path, hashed) as (file, header):
        if not checked:
            _check(path, file, header)
        names = [name for name in file.keys() if wanted is None or wanted(name)]  # noqa: SIM118 (no mapping)
        return {name: file.get_tensor(name) for name in names}, header


def check_whole(path: Path) -> None:
    """Raises DamagedCheckpoint as `read_arrays` does, with one array in memory at a time."""
    with _opened(path, True) as (file, header):
        _check(path, file, header)


@contextlib.contextmanager
def _opened(path: Path, hashed: bool) -> "Iterator[tuple[Any, dict[str, str]]]":
    from safetensors import SafetensorError, safe_open

    try:
        with open_regular(path) as opened:
            status = os.fstat(opened.fileno())
        # A sparse file costs its author nothing, and reading it takes hours.
        if 0 < status.st_blocks * 512 < status.st_size // 100 and status.st_size > 1 << 20:
            raise DamagedCheckpoint(f"{path}: was never written whole: nearly all of it is empty; use another one")
        with safe_open(path, framework="numpy") as file:
            header = dict(file.metadata() or {})
            if hashed and "sha256" not in header:
                raise DamagedCheckpoint(f"{path}: holds no hash of its content, as checkpoints do; use another one")
            yield file, header
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise DamagedCheckpoint(f"{path}: cannot be read as a checkpoint ({error}); use another one") from None


def _check(path: Path, file: Any, header: Mapping[str, str]) -> None:
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(file.keys()):
        array = file.get_tensor(name)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            where = printable(name)
            raise DamagedCheckpoint(f"{path}: {where} holds values that are not finite; use another one")
        _add(digest, name, array)
    if "sha256" in header and header["sha256"] != digest.hexdigest():
        raise DamagedCheckpoint(f"{path}: is damaged: its content does not match its hash; use another one")


def arrays_hash(arrays: "Mapping[str, np.ndarray]") -> str:
    """sha256, in hexadecimal, over names and values in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        _add(digest, name, arrays[name])
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", name: str, array: "np.ndarray") -> None:
    digest.update(name.encode())
    digest.update(array.tobytes())


def read_record(path: Path) -> dict[str, str]:
    """Name of a file of the run → its text when a checkpoint was written; empty where the checkpoint cannot be read."""
    try:
        with open_regular(path) as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER_BYTES:
                return {}
            record = json.loads(json.loads(file.read(length))["__metadata__"]["record"])
    except (OSError, ValueError, KeyError, TypeError, struct.error, RecursionError):
        return {}
    is_record = isinstance(record, dict) and all(isinstance(text, str) for text in record.values())
    return record if is_record else {}


def is_regular(path: str | os.PathLike) -> bool:
    """Whether a path is a regular file and no link: what a run consists of."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
