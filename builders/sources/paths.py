"""Paths that a spec gives a source: what they are relative to, and `~`."""

import os
from pathlib import Path

from common.formatting import printable


def source_path(path: str) -> Path:
    """The path, with `~` for the user's home; pathlib's own fails where there is no such user."""
    return Path(os.path.expanduser(path))


def relative_to() -> str:
    """Where a path that leads nowhere was looked for, and what helps in every command: not all take settings."""
    here = printable(os.path.abspath(os.curdir))
    return f"paths are relative to the working directory ({here}): go to where it lies, or write the whole path"
