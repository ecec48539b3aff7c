"""The folder of a run: names are resolved beneath it, files are read with a bound and written whole.

A run may come from a stranger. So nothing in it is followed out of it: a link in place of a file or folder is refused,
and only regular files are read.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from builders.errors import RequestError
from files import atomic_file, read_regular
from run_kinds import wrong_kind

# The largest JSON file or table that a run writes; 10,000 epochs of 100 columns take 20 MB.
MOST_BYTES = 256 << 20
# What `atomic_file` calls a file until it is whole.
_UNFINISHED = re.compile(r"\..+-[0-9a-f]{8}(\.\w+)?")


class RunGone(Exception):
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
        """A path in the run. Raises RequestError where a link stands on the way, for it could lead anywhere."""
        place = self.path
        for name in names:
            place /= name
            if place.is_symlink():
                raise RequestError(f"{place}: is a link, which a run never holds; put what it leads to in its place")
        return place

    def remember(self) -> None:
        """From now on, writing raises RunGone if this is no longer the folder that it is now."""
        found = self.path.stat()
        self._identity = found.st_dev, found.st_ino

    def check_present(self) -> None:
        """Raises RunGone where the folder is gone, or another one stands in its place."""
        with contextlib.suppress(OSError):
            found = self.path.stat()
            if self._identity is None or self._identity == (found.st_dev, found.st_ino):
                return
        raise RunGone(f"{self.path}: this run was deleted, moved or replaced while it was being worked on")

    def read(self, *names: str) -> bytes | None:
        """The content of a file; None where there is none. Raises RequestError where it cannot be read."""
        path = self.inside(*names)
        try:
            return read_regular(path, MOST_BYTES)
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
        """Writes a mapping whole. What is no UTF-8, as in a typed path, becomes `\\udce9`, which JSON reads."""
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        self.write(text.encode("utf-8", "backslashreplace"), *names)

    def set_aside(self, name: str) -> None:
        """Keeps a damaged file beside the one that takes its place, as `NAME.damaged`."""
        path = self.inside(name)
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_name(f"{name}.damaged"))

    def remove_unfinished(self) -> None:
        """Removes files that a killed process had not finished; those of living processes stay."""
        for folder in (self.path, *(entry for entry in _entries(self.path) if _is_folder(entry))):
            for path in _entries(folder):
                if _UNFINISHED.fullmatch(path.name) and not path.is_symlink() and path.is_file():
                    _remove_unless_held(path)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove_unless_held(path: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.ENOENT):
                raise
        finally:
            os.close(handle)
