"""What a command's arguments mean: RUN|SPEC, and image files."""

import os
from collections.abc import Iterable
from pathlib import Path

from builders.image_files import list_images
from builders.spec import load_spec
from common.errors import RequestError
from common.picture_formats import SUFFIXES
from run_directory.record import repair_if_idle
from run_directory.run import Run, is_run, newest
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
    """Whether a RUN|SPEC argument means a run: a directory, or a path that is no file and has no suffix of a spec."""
    path = Path(argument)
    return path.is_dir() or not (path.is_file() or path.suffix in (".yaml", ".yml", ".json"))


def find_images(arguments: Iterable[str | os.PathLike]) -> list[Path]:
    """The image files that paths mean: files as they are, folders with all images that a dataset would take.

    Raises:
        RequestError: A path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            inside = list_images(path)
            if not inside:
                hint = "; a run comes before the images" if is_run(path) else ""
                raise RequestError(f"{path}: no images in this folder (looked for {', '.join(SUFFIXES)}){hint}")
            found.extend(inside)
        elif path.exists():
            found.append(path)
        else:
            raise RequestError(f"{path}: no such image, folder or run")
    if not found:
        raise RequestError("reconstruct: give at least one image file or folder")
    return found
