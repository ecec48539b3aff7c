"""How a user types a command: with the scripts of a clone, or with `retrace` where the package is installed."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IN_CLONE = (ROOT / "trainer.sh").is_file()

_SCRIPTS = {"train": "./trainer.sh", "validate": "./validator.sh", "export": "python exporter.py"}


def typed(command: str) -> str:
    """The line for a command: `typed("train x.yaml")` is `./trainer.sh x.yaml` or `retrace train x.yaml`."""
    name, _, rest = command.partition(" ")
    program = _SCRIPTS.get(name, f"python cli.py {name}") if IN_CLONE else f"retrace {name}"
    return f"{program} {rest}".rstrip()


def installed(extra: str) -> str:
    """How to install the packages of an extra, such as `viewer`."""
    if IN_CLONE:
        return f".venv/bin/python -m pip install -e '.[{extra}]'"
    return f"install Retrace again with [{extra}], as in `uv tool install 'PATH[{extra}]'`"
