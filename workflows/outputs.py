"""Files that a command writes where the user points: it replaces what it wrote itself, and nothing else.

A command names all its files before it writes the first. How it knows its own is said in `workflows.seals`.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from builders.images import SUFFIXES
from builders.spec import Spec
from common.errors import RequestError
from common.files import atomic_file
from common.formatting import printable
from workflows.seals import content_hash, seal, vouched_by

# What distinguishes files under whatever names and through whatever links.
_Identity = tuple[int, int]


def check_outputs(
    by: str,
    paths: Sequence[Path],
    inputs: Iterable[Path] = (),
    force: bool = False,
    option: str = "--out",
    vouchers: Mapping[Path, Path] | None = None,
) -> None:
    """Refuses what cannot be written, would replace an input, or a file that the command did not write.

    Args:
        by: The command, such as `reconstruct`.
        paths: All files that it will write.
        inputs: Files that it reads, and folders whose images it reads. A picture inside such a folder would be read as
            an image by the next call.
        force: Also replace files that it did not write; an input is never replaced.
        option: The option or argument that names the files.
        vouchers: File that has no room for a seal → the file whose seal vouches for it.

    Raises:
        RequestError: One line that names the first file and says how many there are.
    """
    inputs = [path for path in inputs if os.path.exists(path)]
    _refuse_folders(paths, [path for path in inputs if path.is_dir()], option)
    check_writable([path.parent for path in paths], f"name another place with {option}")
    there = [path for path in paths if os.path.lexists(path)]
    if not there:
        return
    read = {_identity(path) for path in inputs}
    if found := [path for path in there if _identity(path) in read]:
        raise RequestError(
            f"{_first(found)} would be replaced, and is read by this command; name another place with {option}"
        )
    if found := [path for path in there if not stat.S_ISREG(os.lstat(path).st_mode) and not path.is_symlink()]:
        raise RequestError(f"{_first(found)} is no regular file; name another place with {option}")
    if force:
        return
    vouchers = vouchers or {}
    if found := [path for path in there if not _is_own(path, by, vouchers.get(path))]:
        raise RequestError(
            f"{_first(found)} would be replaced, and was not written by `{by}` or was changed since; "
            f"name another place with {option}, or replace with --force"
        )


def check_writable(folders: Iterable[Path], fix: str) -> None:
    """Raises RequestError where a file cannot be made in one of the folders, or one that is missing cannot be made.

    Args:
        folders: The folders.
        fix: How to fix it.
    """
    for folder in dict.fromkeys(map(_nearest_existing, folders)):
        try:
            with tempfile.TemporaryFile(dir=folder):  # what permissions say is not all: a disk may be read-only
                pass
        except OSError as error:
            raise RequestError(f"{printable(folder)}: cannot be written to ({error.strerror}); {fix}") from None


def _nearest_existing(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if os.path.exists(place)), folder)


@contextlib.contextmanager
def own_file(path: Path, by: str, vouched: str | None = None) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there is sealed and takes its place, whole or not at all.

    Where nothing was written, nothing takes its place.

    Args:
        path: The file, of a kind that can be sealed.
        by: The command.
        vouched: `content_hash` of a file that this one vouches for.
    """
    with contextlib.suppress(_NothingWritten), atomic_file(path) as temporary:
        yield temporary
        if temporary.stat().st_size == 0:
            raise _NothingWritten
        seal(temporary, by, path.name, vouched)


class _NothingWritten(Exception):
    pass


def files_read_by(spec: Spec) -> list[Path]:
    """The files and folders that a spec's data and weights come from."""
    named = [value for value in spec.dataset.source.arguments.values() if isinstance(value, str)]
    if spec.encoder.backbone is not None:
        named.append(spec.encoder.weights)
    return [path for path in (Path(os.path.expanduser(value)) for value in named) if path.exists()]


def _refuse_folders(paths: Sequence[Path], folders: Sequence[Path], option: str) -> None:
    read = {_identity(folder): folder for folder in folders}
    known: dict[Path, Path | None] = {}
    for path in paths if read else ():
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.parent not in known:
            above = (read.get(_identity(folder)) for folder in (path.parent.resolve(), *path.parent.resolve().parents))
            known[path.parent] = next((folder for folder in above if folder is not None), None)
        if (folder := known[path.parent]) is not None:
            raise RequestError(
                f"{option} {printable(path.parent)}: is inside {printable(folder)}, whose images are read, so the next "
                "call would take results for originals; name a place outside of it"
            )


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_own(path: Path, by: str, voucher: Path | None) -> bool:
    if path.is_symlink():
        return False
    if voucher is None:
        return vouched_by(path, by) is not None
    vouched = vouched_by(voucher, by)
    return vouched is not None and vouched == content_hash(by, path, path.name)


def _first(found: Sequence[Path]) -> str:
    return f"{printable(found[0])}{f' and {len(found) - 1} more' if len(found) > 1 else ''}"
