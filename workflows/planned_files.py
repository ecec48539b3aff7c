"""What commands will write: decided before TensorFlow is loaded and the first file is written."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from builders.spec import Spec
from common.errors import RequestError
from common.formatting import printable
from run_directory.run import Run
from workflows.outputs import check_outputs, check_writable, files_read_by

METRICS, SIDE_BY_SIDE = "metrics.csv", "side_by_side.png"
COPY_RUN = "copy the run elsewhere"


def check_validation(run: Run) -> None:
    """Raises RequestError where the figures and pictures of a validation cannot be written into a run."""
    check_writable([run.path, run.inside("evaluation"), run.figures_dir], COPY_RUN)


def check_reconstructions(
    spec: Spec,
    files: Sequence[Path],
    out: str | os.PathLike,
    arrays: bool = False,
    force: bool = False,
    folders: Iterable[str | os.PathLike] = (),
) -> None:
    """Refuses to reconstruct where that would replace an image, or a file that `reconstruct` did not write.

    Args:
        spec: The run's spec.
        files: The images.
        out: The directory that is written to.
        arrays: Whether a .npy file is written for each image as well.
        force: Also replace files that `reconstruct` did not write.
        folders: Where the images were looked for.

    Raises:
        RequestError: Nothing was written.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"--out {printable(folder)}: is a file; give a directory, which is made where it is missing")
    pictures = [folder / f"{name}.png" for name in reconstruction_names(files)]
    vouchers = {folder / METRICS: folder / SIDE_BY_SIDE}
    if arrays:
        vouchers |= {picture.with_name(f"{picture.name[:-4]}.npy"): picture for picture in pictures}
    check_outputs(
        "reconstruct",
        [*pictures, folder / SIDE_BY_SIDE, *vouchers],
        inputs=[*files, *map(Path, folders), *files_read_by(spec)],
        force=force,
        vouchers=vouchers,
    )


def reconstruction_names(files: Iterable[Path]) -> list[str]:
    """For each image the name, without suffix, of the files that are made of it: its own, with a number where taken.

    Names differ also on file systems that ignore case.
    """
    names, taken = [], {Path(SIDE_BY_SIDE).stem}
    for file in files:
        name, number = file.stem, 2
        while name.lower() in taken:
            name, number = f"{file.stem}-{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def check_features(spec: Spec, files: Iterable[Path], out: str | os.PathLike, force: bool = False) -> None:
    """Refuses to write features where that would replace what is read, or a file that `features` did not write.

    Args:
        spec: The spec whose taps are read.
        files: The images.
        out: The .npz file that is written.
        force: Also replace a file that `features` did not write.

    Raises:
        RequestError: Nothing was written.
    """
    if Path(out).suffix != ".npz":
        raise RequestError(f"--out {printable(out)}: expected a file name that ends in .npz")
    check_outputs("features", [Path(out)], inputs=[*files, *files_read_by(spec)], force=force)
