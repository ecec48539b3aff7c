"""What a command's RUN|SPEC argument means."""

import os
from pathlib import Path

from builders.spec import load_spec
from run_directory.record import repair_if_idle
from run_directory.run import Run, newest
from workflows.command_line import complain


def find_run(argument: str | os.PathLike | None, runs_dir: str | os.PathLike = "runs") -> Run:
    """The run that a command works on.

    Args:
        argument: A run's directory; a spec, which means its newest run; or None, which means the newest run of all.
        runs_dir: Where runs are kept.

    Raises:
        RequestError: There is none.
    """
    if argument is None:
        run = newest(runs_dir)
    elif means_run(argument):
        run = Run.open(argument)
    else:
        run = newest(runs_dir, name=load_spec(argument).spec.name)
    for line in (*repair_if_idle(run), *run.damaged_evaluations()):
        complain(line)
    return run


def means_run(argument: str | os.PathLike) -> bool:
    """Whether a RUN|SPEC argument is meant as a run: a directory, or what is there neither as a file nor by suffix."""
    path = Path(argument)
    return path.is_dir() or not (path.is_file() or path.suffix in (".yaml", ".yml", ".json"))
