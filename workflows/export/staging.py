"""Replacing a folder as a whole: written beside it, then swapped in."""

import contextlib
import ctypes
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from common.errors import RequestError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yields a new folder beside `target`; what was written there takes its place, whole, or not at all.

    Until then `target` stays as it was. What a process that was killed left behind is removed by the next.

    Raises:
        RequestError: Another process is at it, its lock is a link, or nothing can be written beside it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    held = target.with_name(f".{target.name}.lock")
    if held.is_symlink():
        raise RequestError(f"{held}: is a link, which a run never holds; remove it")
    lock = filelock.FileLock(held)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise RequestError(f"{target}: another process is exporting this run; wait for it to end") from None
    except OSError as error:
        raise RequestError(f"{target}: cannot be written to ({error.strerror}); copy the run elsewhere") from None
    try:
        _clean(target)
        folder = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            yield folder
            _flush(folder)
            _swap(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


def _clean(target: Path) -> None:
    """Brings back what a process killed between two renames had set aside, and removes other leftovers."""
    for left in target.parent.glob(f".{target.name}-*"):
        if left.name.endswith("-previous") and not target.exists() and not left.is_symlink():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _swap(folder: Path, target: Path) -> None:
    """Puts `folder` in the place of `target`; what was there lies under `folder`'s name afterwards, or is gone."""
    if not target.exists():
        folder.rename(target)
    elif not _exchange(folder, target):
        previous = target.with_name(f"{folder.name}-previous")
        target.rename(previous)
        folder.rename(target)
        shutil.rmtree(previous, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders in one step, as Linux can; False where this system or file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    return rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


def link_or_copy(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Gives a file a second place without copying it where the file system can."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def keep_entry(source: Path, target: Path) -> None:
    """Gives a file, a link or a folder a second place as it is; does nothing where that place is taken."""
    if os.path.lexists(target) or any(parent.exists() and not parent.is_dir() for parent in target.parents):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=link_or_copy)
    elif source.is_file():
        link_or_copy(source, target)
