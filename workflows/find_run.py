"""What a command's RUN|SPEC argument means."""

import os
from pathlib import Path

from builders.spec import load_spec
from runs import Run, newest


def find_run(argument: str | os.PathLike | None, runs_dir: str | os.PathLike = "runs") -> Run:
    """The run that a command works on.

    Args:
        argument: A run's directory; a spec, which means its newest run; or None, which means the newest run of all.
        runs_dir: Where runs are kept.

    Raises:
        RequestError: There is none.
    """
    if argument is None:
        return newest(runs_dir)
    if means_run(argument):
        return Run.open(argument)
    return newest(runs_dir, name=load_spec(argument).spec.name)


def means_run(argument: str | os.PathLike) -> bool:
    """Whether a RUN|SPEC argument is meant as a run: a directory, or what is there neither as a file nor by suffix."""
    path = Path(argument)
    return path.is_dir() or not (path.is_file() or path.suffix in (".yaml", ".yml", ".json"))
