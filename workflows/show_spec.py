"""`show`: a spec as the program understands it: its network, or its values and where each comes from."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from builders.spec import Spec, load_spec
from builders.spec.nodes import leaves
from common.errors import RequestError
from workflows.console import new_table
from workflows.import_tensorflow import import_tensorflow
from workflows.outputs import check_outputs, files_read_by, own_file


def print_network(
    path: str | os.PathLike,
    overrides: Sequence[str],
    console: Console,
    plot: str | os.PathLike | None = None,
    force: bool = False,
) -> None:
    """Prints the network that a spec describes, built symbolically: no weights are loaded, no image is read.

    Args:
        path: The spec.
        overrides: Settings over it, as `path=value`.
        console: Where to print.
        plot: Also draw the network to this file: .png, .svg or .pdf.
        force: Draw it also where a file is that `show` did not draw.

    Raises:
        RequestError: The spec is wrong, its parts do not fit, or the file cannot be drawn to.
    """
    loaded = load_spec(path, overrides)
    spec = loaded.spec
    if plot is not None:
        from workflows.plotting.style import check_format

        check_format(plot)  # a mistake should not wait for TensorFlow
        check_outputs("show", [Path(plot)], [Path(path), *files_read_by(spec)], force, "--plot")
    import_tensorflow()
    from builders.dataset_builder import image_shape
    from workflows.placing import placed
    from workflows.show import print_structure, structure

    with placed(loaded):
        described = structure(spec, image_shape(spec), tried=True)
    print_structure(
        described, spec, _training_images(spec) if described.feature_bytes or spec.encoder.latents else None, console
    )
    if plot is not None:
        from workflows.plotting.architecture import save_architecture

        with own_file(Path(plot), "show") as picture:
            save_architecture(described, spec, picture)
        console.print(f"drawn: {plot}")


def _training_images(spec: Spec) -> int | None:
    """How many images train, found without decoding any; None where the data are not on this machine."""
    from builders.sources import open_source
    from builders.splits import divide

    try:
        return len(divide(open_source(spec.dataset.source), spec.dataset, spec.seed).indices["train"])
    except RequestError:
        return None


def print_origins(path: str | os.PathLike, overrides: Sequence[str], console: Console) -> None:
    """Prints every value of the resolved spec and where it was written.

    Raises:
        RequestError: The spec is wrong.
    """
    loaded = load_spec(path, overrides)
    table = new_table("path", "value", "from", left=3)
    # Long values fold; paths and places stay whole, for they are what one looks for.
    for column, whole in zip(table.columns, (True, False, True)):
        column.no_wrap, column.min_width, column.overflow = whole, 12, "fold"
    for name, value in leaves(loaded.resolved):
        table.add_row(name, json.dumps(value, ensure_ascii=False), loaded.origins.get(name, "default"))
    console.print(table)
