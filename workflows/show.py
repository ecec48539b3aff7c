"""`show`: a spec's network, its values and where each was written, as tables.

TensorFlow is imported only where a network is built.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from builders.spec import Spec, load_spec
from builders.spec.nodes import leaves
from common.errors import RequestError
from common.formatting import bytes_text
from workflows.command_line import import_tensorflow
from workflows.console import lines, new_table
from workflows.outputs import check_outputs, files_read_by, own_file

if TYPE_CHECKING:
    from workflows.network import Structure


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
    from workflows.command_line import placed
    from workflows.network import structure

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
    from builders.labels import open_labelled
    from builders.splits import divide

    try:
        return len(divide(open_labelled(spec.dataset), spec.dataset, spec.seed).indices["train"])
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


def _count_text(count: int) -> str:
    return f"{count:,}" if count else "–"


def _multiply_adds_text(count: int) -> str:
    return f"{count / 1e6:,.1f} M" if count else "–"


def print_structure(described: "Structure", spec: Spec, images: int | None, console: Console) -> None:
    """Prints the table of a network.

    Args:
        described: What `structure` found.
        spec: The same spec.
        images: How many training images there are, for the size of a feature cache; None where unknown.
        console: Where to print.
    """
    from builders.layer_builder import shape_text

    table = Table(title=f"{spec.name}: {spec.description}" if spec.description else spec.name, title_justify="left")
    for column in ("layer", "kind", "output"):
        table.add_column(column)
    for column in ("trainable", "frozen", "multiply-adds", f"activations × {spec.dataset.batch_size}"):
        table.add_column(column, justify="right")
    for section, rows in described.sections.items():
        table.add_section()
        table.add_row(lines(section, style="bold"))
        for row in rows:
            table.add_row(
                "  " * (row.depth + 1) + row.name,
                row.kind,
                shape_text(row.shape),
                _count_text(row.trainable),
                _count_text(row.frozen),
                _multiply_adds_text(row.multiply_adds),
                bytes_text(row.activation_bytes * spec.dataset.batch_size) if row.activation_bytes else "–",
            )
    totals = described.rows
    table.add_section()
    table.add_row(
        lines("total", style="bold"),
        "",
        "",
        _count_text(sum(row.trainable for row in totals)),
        _count_text(sum(row.frozen for row in totals)),
        _multiply_adds_text(sum(row.multiply_adds for row in totals)),
        bytes_text(sum(row.activation_bytes for row in totals) * spec.dataset.batch_size),
    )
    console.print(table)
    console.print("Multiply-adds are of one image, forward. Activations are of one forward batch.")
    console.print(f"code {shape_text(described.code_shape)}")
    if spec.encoder.latents is not None:
        numbers = spec.encoder.latents.dimensions
        of_all = f"; {numbers * images:,} for all {images:,} training images" if images is not None else ""
        console.print(f"besides these, {numbers} trained numbers for every training image{of_all}")
    if described.feature_bytes:
        line = f"features of one image, all taps in float16: {bytes_text(described.feature_bytes)}"
        if images is not None:
            line += f"; of all {images:,} training images: {bytes_text(described.feature_bytes * images)}"
        console.print(line)
