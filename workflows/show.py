"""`show`: a spec's network as a table, built symbolically; no weights are loaded and no image is read."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
from rich.console import Console
from rich.table import Table

from architectures.reconstructors.base import Reconstructor
from builders.layer_builder import shape_text
from builders.model_builder import ModelBuilder
from builders.spec import Spec

_BYTES_OF = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Row:
    """One line of the table: a layer, what leaves it for one image, and what it costs."""

    name: str
    kind: str
    shape: tuple[int | None, ...]
    trainable: int = 0
    frozen: int = 0
    multiply_adds: int = 0
    activation_bytes: int = 0
    depth: int = 0


def _parameters(layer: keras.layers.Layer) -> int:
    return sum(math.prod(weight.shape) for weight in layer.weights)


def _positions(shape: Sequence[int | None]) -> int:
    """Places at which a kernel is applied: everything between batch and channels."""
    return math.prod(side or 1 for side in shape[1:-1])


def multiply_adds(layer: keras.layers.Layer, received: tuple, given: tuple) -> int:
    """Multiplications with an addition each that one image costs in a layer's kernels; 0 for layers without.

    Args:
        layer: A built Keras layer, without layers of its own inside.
        received, given: Its input and output shape, with the batch.
    """
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    # A transposed convolution applies its kernel at every place of what it receives.
    places = _positions(received if "Transpose" in type(layer).__name__ else given)
    return sum(math.prod(kernel.shape) for kernel in kernels) * places


def _rows(layer: keras.layers.Layer, received: tuple, depth: int = 0) -> list[Row]:
    """The layer's own row and, indented, those of the layers inside it."""
    given = tuple(layer.compute_output_shape(received))
    size = math.prod(side or 1 for side in given[1:]) * _BYTES_OF.get(layer.compute_dtype, 4)
    inside = [layer.layers] if getattr(layer, "layers", None) else getattr(layer, "branches", [])
    if not inside:
        cost = multiply_adds(layer, received, given)
        return [_row(layer, given, cost, size, depth)]
    rows, cost, sizes = [], 0, size
    for stack in inside:
        shape = received
        for inner in stack:
            inner_rows = _rows(inner, shape, depth + 1)
            cost += inner_rows[0].multiply_adds
            sizes += inner_rows[0].activation_bytes
            rows += inner_rows
            shape = tuple(inner.compute_output_shape(shape))
    bypass = getattr(layer, "bypass", None)
    if bypass is not None:
        cost += multiply_adds(bypass, received, given)
    return [_row(layer, given, cost, sizes, depth), *rows]


def _row(layer: keras.layers.Layer, given: tuple, cost: int, size: int, depth: int) -> Row:
    count = _parameters(layer)
    trainable = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
    return Row(layer.name, type(layer).__name__, given, trainable, count - trainable, cost, size, depth)


def _model_rows(model: keras.Model) -> Iterator[Row]:
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):  # a network inside a network counts as its layers
            yield from _model_rows(layer)
            continue
        received = layer.input.shape if not isinstance(layer.input, list) else layer.input[0].shape
        if isinstance(layer.input, list) and len(layer.input) > 1:
            yield _row(layer, tuple(layer.output.shape), 0, math.prod(layer.output.shape[1:]) * 4, 0)
        else:
            yield from _rows(layer, tuple(received))


def _frozen_rows(model: Reconstructor) -> Iterator[Row]:
    """One row for each frozen network, with the cost of all its layers, and one for each of its taps."""
    for part in model.frozen_parts:
        rows = list(_model_rows(part))
        yield Row(
            part.name,
            "frozen network",
            tuple(part.inputs[0].shape),
            frozen=_parameters(part),
            multiply_adds=sum(row.multiply_adds for row in rows if row.depth == 0),
            activation_bytes=sum(row.activation_bytes for row in rows if row.depth == 0),
        )
        for output in part.outputs:
            yield Row(output._keras_history.operation.name, "tap", tuple(output.shape), depth=1)


@dataclass(frozen=True)
class Structure:
    """What `show` knows of a spec's network.

    `feature_bytes` is the size of one image's frozen features (all taps, before fusion) in float16, as a cache would
    hold them; 0 without a frozen encoder.
    """

    sections: dict[str, list[Row]]
    feature_bytes: int
    code_shape: tuple[int | None, ...]

    @property
    def rows(self) -> list[Row]:
        """Rows of all sections that are not inside another row."""
        return [row for rows in self.sections.values() for row in rows if row.depth == 0]


def structure(spec: Spec, image_shape: Sequence[int]) -> Structure:
    """Builds a spec's network with random weights and describes it.

    Raises:
        RequestError: Its parts do not fit.
    """
    model = ModelBuilder(spec, image_shape, weights=False).build()
    parts = {"encoder": getattr(model, "encoder", None), "fusion": getattr(model, "fuse_model", None)}
    parts |= {"code": model.code_stack, "decoder": model.decoder}
    sections = {"encoder": list(_frozen_rows(model))} if model.frozen_parts else {}
    for name, part in parts.items():
        if part is not None and (rows := list(_model_rows(part))):
            sections[name] = sections.get(name, []) + rows
    taps = [output for part in model.frozen_parts for output in part.outputs]
    feature_bytes = sum(math.prod(tap.shape[1:]) * 2 for tap in taps)
    return Structure(sections, feature_bytes, tuple(model.decoder.inputs[0].shape))


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
        table.add_row(f"[bold]{section}[/bold]")
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
        "[bold]total[/bold]",
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
    if described.feature_bytes:
        line = f"features of one image, all taps in float16: {_bytes_text(described.feature_bytes)}"
        if images is not None:
            line += f"; of all {images:,} training images: {_bytes_text(described.feature_bytes * images)}"
        console.print(line)
