"""How files are opened and written: from outside only regular ones of a bounded size; written whole or not at all."""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

# What `atomic_file` calls a file until it is whole.
_UNFINISHED = re.compile(r"\..+-[0-9a-f]{8}(\.\w+)?")
# What YAML 1.2 reads as a number although PyYAML, which thinks in YAML 1.1, would write it without quotes.
_NUMBER_IN_YAML_1_2 = re.compile(r"[-+]?(0o[0-7]+|0x[0-9a-fA-F]+|(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?)")


# Bytes in the words of the setting: 500 MB, 4GB, 2e9.
_BYTES = re.compile(r"\s*(\d+(?:\.\d*)?(?:e\d{1,2})?)\s*([kMGT]?)i?B?\s*", re.IGNORECASE)
_USUAL_BUDGET = 4 * 10**9


def memory_budget() -> int:
    """Bytes that a file from outside may take when it is read, whatever it claims.

    The environment variable RETRACE_MEMORY_BUDGET sets it (`500MB`, `16GB`); else 4 GB, or half of the machine's
    memory where that is less.

    Raises:
        ValueError: The setting is no number of bytes.
    """
    setting = os.environ.get("RETRACE_MEMORY_BUDGET")
    if not setting:
        return min(_USUAL_BUDGET, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    found = _BYTES.fullmatch(setting)
    if found is None:
        raise ValueError(f"RETRACE_MEMORY_BUDGET: expected a number of bytes such as 4GB, got {setting!r}")
    return int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " "))


def open_regular(path: str | os.PathLike, limit: int | None = None) -> BufferedReader:
    """Opens a file that may come from a stranger: a regular one of at most `limit` bytes, and never blocks.

    Without a limit it is for whoever reads a file in parts.

    Raises:
        OSError: It is a folder, a FIFO, a socket or a device, is larger, or cannot be opened.
    """
    # Without O_NONBLOCK opening a FIFO waits for a writer for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", os.fspath(path))
        if limit is not None and found.st_size > limit:
            raise OSError(errno.EFBIG, f"holds {found.st_size:,} bytes, more than {limit:,}", os.fspath(path))
        return BufferedReader(FileIO(handle))  # fdopen would ask the system twice more
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | os.PathLike, limit: int) -> bytes:
    """The content of a file that may come from a stranger. Raises OSError as `open_regular` does."""
    with open_regular(path, limit) as file:
        # By its size, for Python takes the memory of what it is asked for first; one that grows meanwhile ends here.
        content = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"holds more than {limit:,} bytes", os.fspath(path))
    return content


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there takes its place, whole, or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays, because libraries choose the format by it. Not mkstemp: its files only their owner can read.
    # The name is no longer than the target's, which may be as long as a file system allows.
    suffix = f"-{secrets.token_hex(4)}{target.suffix}"
    stem = os.fsdecode(os.fsencode(target.stem)[: max(1, 200 - len(os.fsencode(suffix)))])
    temporary = target.with_name(f".{stem}{suffix}")
    try:
        with temporary.open("xb") as held:
            # Held until the file is whole, so that others can tell it from what a killed process left behind.
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(held, fcntl.LOCK_EX)
            usual = os.fstat(held.fileno()).st_mode
            yield temporary
            # safetensors puts a file of its own in its place, which only its owner can read.
            temporary.chmod(usual)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Removes files in a folder that a killed process had not finished; those of living processes stay."""
    with contextlib.suppress(OSError):  # a folder that cannot be read has nothing that can be removed
        for path in folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                _remove_unless_held(path)


def _remove_unless_held(path: Path) -> None:
    with contextlib.suppress(OSError):  # it is held, or was finished this moment
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        finally:
            os.close(handle)


def write_atomically(path: str | os.PathLike, content: str | bytes) -> None:
    """Writes a file whole: under a temporary name, flushed to disk, then renamed."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def yaml_text(value: Any) -> str:
    """Plain data as YAML that a YAML 1.2 reader understands as it was meant."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            return super().increase_indent(flow, False)

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
        if _NUMBER_IN_YAML_1_2.fullmatch(data):
            return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="'")
        return dumper.represent_str(data)

    Dumper.add_representer(str, text)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
