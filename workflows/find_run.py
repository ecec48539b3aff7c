"""What a command's RUN|SPEC argument means."""

import os
from pathlib import Path

from builders.spec import load_spec
from runs import Run, is_run, newest


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
    path = Path(argument)
    if not is_run(path) and (path.is_file() or path.suffix in (".yaml", ".yml", ".json")):
        return newest(runs_dir, name=load_spec(path).spec.name)
    return Run.open(path)
