"""`show`: a spec's network as a table, built symbolically; no weights are loaded and no image is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from builders.layer_builder import shape_text
from builders.model_builder import ModelBuilder
from builders.spec import Spec
from workflows.console import lines
from workflows.network_rows import Row, Stage, frozen_rows, model_rows, stages


@dataclass(frozen=True)
class Structure:
    """What `show` knows of a spec's network.

    `feature_bytes` is the size of one image's frozen features (all taps, before fusion) in float16, as a cache would
    hold them; 0 without a frozen encoder. `stages` lead through a frozen encoder to its taps, in the order of their
    depth. Shapes begin with the batch.
    """

    sections: dict[str, list[Row]]
    feature_bytes: int
    code_shape: tuple[int | None, ...]
    image_shape: tuple[int | None, ...]
    stages: tuple[Stage, ...] = ()

    @property
    def rows(self) -> list[Row]:
        """Rows of all sections that are not inside another row."""
        return [row for rows in self.sections.values() for row in rows if row.depth == 0]


def structure(spec: Spec, image_shape: Sequence[int], tried: bool = False) -> Structure:
    """Builds a spec's network with random weights and describes it.

    Args:
        spec: The experiment.
        image_shape: (height, width, channels) of its images.
        tried: Also try its layers out on random images.

    Raises:
        RequestError: Its parts do not fit, or some of it cannot be trained; begins with the path in the spec.
    """
    builder = ModelBuilder(spec, image_shape, weights=False)
    model = builder.build()
    if tried:
        builder.try_out()
    parts = {"encoder": getattr(model, "encoder", None), "fusion": getattr(model, "fuse_model", None)}
    parts |= {"code": model.code_stack, "decoder": model.decoder}
    taps_model = getattr(model, "taps_model", None)
    taps = list(spec.encoder.taps)
    sections = {} if taps_model is None else {"encoder": list(frozen_rows(taps_model, taps))}
    for name, part in parts.items():
        if part is not None and (rows := list(model_rows(part))):
            sections[name] = sections.get(name, []) + rows
    if judges := [row for part in model.frozen_parts if part is not taps_model for row in frozen_rows(part)]:
        sections["loss"] = judges
    outputs = [] if taps_model is None else taps_model.outputs
    return Structure(
        sections,
        feature_bytes=sum(math.prod(output.shape[1:]) * 2 for output in outputs),
        code_shape=tuple(model.decoder.inputs[0].shape),
        image_shape=(None, *model.image_shape),
        stages=() if taps_model is None else stages(taps_model, taps),
    )


def _bytes_text(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def _count_text(count: int) -> str:
    return f"{count:,}" if count else "–"


def _multiply_adds_text(count: int) -> str:
    return f"{count / 1e6:,.1f} M" if count else "–"


def print_structure(described: Structure, spec: Spec, images: int | None, console: Console) -> None:
    """Prints the table of a network.

    Args:
        described: What `structure` found.
        spec: The same spec.
        images: How many training images there are, for the size of a feature cache; None where unknown.
        console: Where to print.
    """
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
                _bytes_text(row.activation_bytes * spec.dataset.batch_size) if row.activation_bytes else "–",
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
        _bytes_text(sum(row.activation_bytes for row in totals) * spec.dataset.batch_size),
    )
    console.print(table)
    console.print("Multiply-adds are of one image, forward. Activations are of one forward batch.")
    console.print(f"code {shape_text(described.code_shape)}")
    if spec.encoder.latents is not None:
        numbers = spec.encoder.latents.dimensions
        of_all = f"; {numbers * images:,} for all {images:,} training images" if images is not None else ""
        console.print(f"besides these, {numbers} trained numbers for every training image{of_all}")
    if described.feature_bytes:
        line = f"features of one image, all taps in float16: {_bytes_text(described.feature_bytes)}"
        if images is not None:
            line += f"; of all {images:,} training images: {_bytes_text(described.feature_bytes * images)}"
        console.print(line)
