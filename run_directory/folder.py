"""The folder of a run: names are resolved beneath it, files are read with a bound and written whole.

A run may come from an untrusted source, so a link in place of a file or folder is refused, and only regular files are
read.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.errors import RequestError, WorkFailed
from common.files import atomic_file, read_regular, remove_unfinished
from common.program import typed

# The most bytes of a file that is read whole, by name or suffix. Values of JSON take up to 25 times as much in memory.
# 10,000 epochs of 100 columns take 20 MB, the figures of 300,000 images 30 MB.
_MOST_BYTES = {"state.json": 1 << 20, ".yaml": 1 << 20, ".json": 32 << 20, ".csv": 64 << 20}
_MOST_OTHER_BYTES = 64 << 20


class RunGone(WorkFailed):
    """The folder of a run was deleted, moved or replaced while a process worked on it."""


class RunFolder:
    """Constructing it touches nothing.

    Args:
        path: The directory of a run; it may itself be a link.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._identity: tuple[int, int] | None = None

    def inside(self, *names: str) -> Path:
        """A path in the run. Raises RequestError where a link is on the way, for it could lead anywhere."""
        place = self.path
        for name in names:
            place = place / name
            if os.path.islink(place):
                raise RequestError(f"{place}: is a link, which a run never holds; put what it leads to in its place")
        return place

    def remember(self) -> None:
        """From now on, writing raises RunGone if this is no longer the folder that it is now."""
        found = self.path.stat()
        self._identity = found.st_dev, found.st_ino

    def check_present(self) -> None:
        """Raises RunGone where the folder is gone, or another one is in its place."""
        with contextlib.suppress(OSError):
            found = self.path.stat()
            if self._identity is None or self._identity == (found.st_dev, found.st_ino):
                return
        raise RunGone(
            f"{self.path}: this run was deleted, moved or replaced while it was being worked on; put it back and "
            f"continue with {typed('train', self.path)}, or train again"
        )

    def read(self, *names: str) -> bytes | None:
        """The content of a file; None where there is none. Raises RequestError where it cannot be read."""
        path = self.inside(*names)
        try:
            return read_regular(path, _MOST_BYTES.get(path.name, _MOST_BYTES.get(path.suffix, _MOST_OTHER_BYTES)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RequestError(
                f"{path}: cannot be read ({error.strerror}); restore it from a copy of the run"
            ) from None

    def write(self, content: str | bytes, *names: str) -> None:
        """Writes a file whole. Raises RunGone instead of making the run's folder again."""
        with self.writing(*names) as temporary:
            temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)

    @contextlib.contextmanager
    def writing(self, *names: str) -> Iterator[Path]:
        """Yields a temporary path, as `atomic_file` does, for a file in the run."""
        path = self.inside(*names)
        self.check_present()
        with atomic_file(path) as temporary:
            yield temporary

    def read_json(self, *names: str, kind: Any = dict) -> dict[str, Any] | None:
        """A mapping from a file, of a kind as `wrong_kind` takes it; None where there is no file.

        Raises:
            RequestError: The file cannot be read, or holds something else.
        """
        content = self.read(*names)
        if content is None:
            return None
        try:
            read = json.loads(content.decode("utf-8"))
            if wrong := wrong_kind(read, kind):
                raise ValueError(f"{wrong}, which no run writes")
        except (ValueError, RecursionError) as error:
            path = self.path.joinpath(*names)
            raise RequestError(f"{path}: cannot be read as JSON ({error}); restore it from a copy of the run") from None
        return read

    def write_json(self, value: Mapping[str, Any], *names: str) -> None:
        """Writes a mapping whole. What is not UTF-8, as in a typed path, becomes `\\udce9`, which JSON reads."""
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        self.write(text.encode("utf-8", "backslashreplace"), *names)

    def set_aside(self, name: str) -> None:
        """Keeps a damaged file beside the one that takes its place, as `NAME.damaged` or `NAME.damaged-2`."""
        path = self.inside(name)
        kept, number = path.with_name(f"{name}.damaged"), 2
        while os.path.lexists(kept):
            kept, number = path.with_name(f"{name}.damaged-{number}"), number + 1
        with contextlib.suppress(FileNotFoundError):
            path.rename(kept)

    def remove_unfinished(self) -> None:
        """Removes files that a killed process had not finished; those of living processes stay."""
        for folder, folders, _ in os.walk(self.path):  # which follows no links
            if "export" in folders and folder == os.fspath(self.path):
                folders.remove("export")  # it is replaced as a whole, and may hold files of others
            remove_unfinished(Path(folder))


@contextlib.contextmanager
def making(folder: Path) -> Iterator[None]:
    """Held while a run is made in a folder; first removes what a process that was killed had not finished."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # without locks it is unknown what is being made at this moment
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left in folder.glob(".[0-9]*-[0-9]*-????"):
                shutil.rmtree(left)
        yield
    finally:
        os.close(handle)


def folders_in(folder: str | os.PathLike) -> list[str]:
    """Paths of the folders in a folder; what is hidden is still being made."""
    with contextlib.suppress(OSError), os.scandir(os.fspath(folder)) as entries:
        return [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    return []


_FIGURE = (int, float, type(None))
# What is read again of environment.json …
ENVIRONMENT = {
    "versions": {"*": str},
    "plugins": {"*": str},
    "platform": str,
    "processor": str,
    "devices": [str],
    "precision": str,
    "git": {"commit": (str, type(None)), "dirty": (bool, type(None))},
    "command": [str],
    "image_shape": [int],
    "feature_cache": bool,
    "embeddings": {"shape": [int], "sha256": str},
    "frozen_weights": {"*": str},
    "dataset": {"fingerprint": str, "images": {"*": int}, "bad_images": [str], "class_names": [str]},
}
# … and of an evaluation's metrics.json.
EVALUATION = {
    "count": int,
    "checkpoint": str,
    "step": int,
    "split": str,
    "metrics": {
        "*": {"mean": _FIGURE, "std": _FIGURE, "baseline": _FIGURE, "recipe": {"*": (str, int, float, type(None))}},
    },
    "latents": {"*": _FIGURE},
}


def wrong_kind(value: Any, kind: Any, place: str = "") -> str:
    """Where a value read from JSON has another type than expected, as `dataset.images.train is 'many'`; else empty.

    Args:
        value: The value.
        kind: A type or several; `[kind]`, a list of such; `{"*": kind}`, a mapping of any names to such; or
            `{name: kind}`, a mapping in which these names may be missing and others are not checked.
        place: Path of the value, for the message.
    """
    if not isinstance(kind, list | dict):
        return "" if _is(value, kind) else f"{place or 'it'} is {value!r:.60}"
    if not isinstance(value, list if isinstance(kind, list) else dict):
        return f"{place or 'it'} is {value!r:.60}"
    every = kind[0] if isinstance(kind, list) else kind.get("*")
    for name, item in enumerate(value) if isinstance(value, list) else value.items():
        wanted = every or kind.get(name)
        if wanted is None or (not isinstance(wanted, list | dict) and _is(item, wanted)):
            continue
        if wrong := wrong_kind(item, wanted, f"{place}.{name}" if place else str(name)):
            return wrong
    return ""


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    if not isinstance(value, kind):
        return False
    if isinstance(value, bool):  # in Python True is an int; in JSON it is none
        return kind is bool or (isinstance(kind, tuple) and bool in kind)
    return not (isinstance(value, int) and abs(value) > 2**53)  # which no float holds
