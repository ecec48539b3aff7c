"""Opening files, untrusted ones only if regular and of limited size; writing files as a whole, and YAML and JSON."""

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

# The temporary names of `atomic_file`.
_UNFINISHED = re.compile(r"\..+-[0-9a-f]{8}(\.\w+)?")
# Texts that YAML 1.2 reads as numbers, and that PyYAML, which follows YAML 1.1, would write without quotes.
_NUMBER_IN_YAML_1_2 = re.compile(r"[-+]?(0o[0-7]+|0x[0-9a-fA-F]+|(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?)")
# Numbers of bytes in the setting: 500 MB, 4GB, 2e9.
_BYTES = re.compile(r"\s*(\d+(?:\.\d*)?(?:e\d{1,2})?)\s*([kMGT]?)i?B?\s*", re.IGNORECASE)
_USUAL_BUDGET = 4 * 10**9


def memory_budget() -> int:
    """Bytes of memory that reading an untrusted file may take.

    The environment variable RETRACE_MEMORY_BUDGET sets it (`500MB`, `16GB`); the default is 4 GB, or half of the
    machine's memory where that is less.

    Raises:
        ValueError: The setting is not a number of bytes.
    """
    setting = os.environ.get("RETRACE_MEMORY_BUDGET")
    if not setting:
        return min(_USUAL_BUDGET, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    found = _BYTES.fullmatch(setting)
    if found is None:
        raise ValueError(f"RETRACE_MEMORY_BUDGET: expected a number of bytes such as 4GB, got {setting!r}")
    return int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " "))


def open_regular(path: str | os.PathLike, limit: int | None = None) -> BufferedReader:
    """Opens an untrusted file, which must be regular and have at most `limit` bytes, without blocking.

    Raises:
        OSError: It is a folder, a FIFO, a socket or a device, is larger, or cannot be opened.
    """
    # Without O_NONBLOCK opening a FIFO waits for a writer forever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", os.fspath(path))
        if limit is not None and found.st_size > limit:
            raise OSError(errno.EFBIG, f"holds {found.st_size:,} bytes, more than {limit:,}", os.fspath(path))
        return BufferedReader(FileIO(handle))  # fdopen would make two more system calls
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | os.PathLike, limit: int) -> bytes:
    """The content of an untrusted file. Raises OSError as `open_regular` does."""
    with open_regular(path, limit) as file:
        # Python allocates the requested size first; a file that grows meanwhile is refused below.
        content = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"holds more than {limit:,} bytes", os.fspath(path))
    return content


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which replaces `path` at the end, or not at all after an error."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept, because libraries choose the format by it. Not mkstemp: only the owner could read the file.
    # The name is shortened, because the target's may be as long as a file system allows.
    suffix = f"-{secrets.token_hex(4)}{target.suffix}"
    stem = os.fsdecode(os.fsencode(target.stem)[: max(1, 200 - len(os.fsencode(suffix)))])
    temporary = target.with_name(f".{stem}{suffix}")
    try:
        with temporary.open("xb") as held:
            # Locked until the file is complete, so that `remove_unfinished` leaves it alone.
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(held, fcntl.LOCK_EX)
            usual = os.fstat(held.fileno()).st_mode
            yield temporary
            # safetensors replaces it by a file that only the owner can read.
            temporary.chmod(usual)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Removes incomplete files of killed processes from a folder; those of running processes stay."""
    with contextlib.suppress(OSError):  # an unreadable folder
        for path in folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                _remove_unless_held(path)


def _remove_unless_held(path: Path) -> None:
    with contextlib.suppress(OSError):  # it is locked, or was finished meanwhile
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        finally:
            os.close(handle)


def write_atomically(path: str | os.PathLike, content: str | bytes) -> None:
    """Writes a file under a temporary name, flushes it to disk, and renames it."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def yaml_text(value: Any) -> str:
    """Plain data as YAML with the same meaning in YAML 1.1 and 1.2."""
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


def open_layout(value: Any, levels: int, depth: int = 0) -> str:
    """JSON that people can review line by line: mappings are spread over lines down to a level.

    Args:
        value: JSON data.
        levels: How many levels of mappings are spread.
        depth: The level of `value`.
    """
    if not isinstance(value, Mapping) or not value or depth >= levels:
        return json.dumps(value, ensure_ascii=False)
    indent = "  " * (depth + 1)
    lines = [f"{indent}{json.dumps(key)}: {open_layout(item, levels, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"
