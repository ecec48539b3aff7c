"""How a user types a command: with the scripts of a clone, or with `retrace` where the package is installed."""

import os
import shlex
from pathlib import Path

# Environment variable: the plugin files of a process and of those that it starts, separated as in PATH.
VARIABLE = "RETRACE_PLUGINS"
ROOT = Path(__file__).resolve().parents[1]
IN_CLONE = (ROOT / "trainer.sh").is_file()

_SCRIPTS = {"train": "./trainer.sh", "validate": "./validator.sh", "export": "python exporter.py"}


def typed(command: str, *arguments: str | os.PathLike) -> str:
    """The line for a command: `typed("train", "a b.yaml")` is `./trainer.sh 'a b.yaml'` or `retrace train 'a b.yaml'`.

    Args:
        command: Its name, and words that are shown as they are, such as `new NAME`.
        arguments: What follows; quoted for a shell, and followed by the plugin files of this process.
    """
    name, _, rest = command.partition(" ")
    program = _SCRIPTS.get(name, f"python cli.py {name}") if IN_CLONE else f"retrace {name}"
    files = [file for file in os.environ.get(VARIABLE, "").split(os.pathsep) if file and arguments]
    words = [*map(str, arguments), *(word for file in files for word in ("--plugin", file))]
    return " ".join(filter(None, [program, rest, shlex.join(words)]))


def installed(extra: str) -> str:
    """How to install the packages of an extra, such as `viewer`."""
    if IN_CLONE:
        return f".venv/bin/python -m pip install -e '.[{extra}]'"
    return f"install Retrace again with [{extra}], as in `uv tool install 'PATH[{extra}]'`"
