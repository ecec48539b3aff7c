"""`taps`: the layers of a network that a spec can tap, as a table.

TensorFlow is imported only where a network is built.
"""

import inspect
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from builders.spec import Spec, load_spec
from common.errors import RequestError
from common.formatting import printable
from common.registry import BACKBONES, UnknownEntryError
from workflows.command_line import import_tensorflow
from workflows.console import lines, new_console

if TYPE_CHECKING:
    from architectures.backbones.base import Backbone, Tap

_SPECS = (".yaml", ".yml", ".json")
_USUAL_SIZE = 224


def list_taps(target: str, size: int | None = None, console: Console | None = None) -> "list[Tap]":
    """Prints a table of a network's taps, from the first to the last; needs no weights.

    Args:
        target: Registry name of a backbone, a network's file or folder, or a spec, whose own taps are marked.
        size: Side of the square image that the network receives, in pixels. None: the spec's size, the only one that
            the network takes, or 224.
        console: Where to print. None: standard output.

    Returns:
        The taps, as printed.

    Raises:
        RequestError: There is no such network, it cannot be read, or the size is too small for it.
    """
    spec = load_spec(target).spec if Path(target).suffix.lower() in _SPECS else None
    if spec is not None and spec.encoder.backbone is None:
        raise RequestError(f"{printable(target)}: its encoder has no backbone, so it has no taps")
    import_tensorflow()
    try:
        backbone = _network(target, spec)
        taps = backbone.taps((*_sides(backbone, size, spec), backbone.channels))
    except (UnknownEntryError, ValueError) as error:
        raise RequestError(f"{printable(target)}: {error}" if spec is not None else str(error)) from error
    height, width = _sides(backbone, size, spec)
    title = f"Taps of {printable(target)} for images of {height}×{width}"
    if spec is not None:
        title += "; those of its encoder are marked with •"
    (console or new_console()).print(_table(title, taps, spec.encoder.taps if spec is not None else None))
    return taps


def _network(target: str, spec: Spec | None) -> "Backbone":
    if spec is not None:
        return BACKBONES.get(spec.encoder.backbone.name)(**spec.encoder.backbone.arguments)
    path = Path(os.path.expanduser(target))
    if target not in BACKBONES:
        for _, entry in BACKBONES.items():
            if entry.reads(path):
                return entry(**{entry.file_argument: target})
        if path.exists():
            raise ValueError(
                f"{printable(target)}: is no network that can be read; give a backbone's name, a network's file, such "
                "as a .keras file, or a spec"
            )
    entry = BACKBONES.get(target)
    if missing := [item.name for item in inspect.signature(entry).parameters.values() if item.default is item.empty]:
        raise ValueError(
            f"the taps of {target} depend on its {' and '.join(missing)}; give its file or folder, or a spec with it"
        )
    return entry()


def _sides(backbone: "Backbone", size: int | None, spec: Spec | None) -> tuple[int, int]:
    if size is not None:
        return size, size
    if spec is not None and spec.encoder.input_size is not None:
        given = spec.encoder.input_size
        return (given, given) if isinstance(given, int) else given
    if backbone.input_size is not None:
        return backbone.input_size
    if spec is None:
        return _USUAL_SIZE, _USUAL_SIZE
    from builders.dataset_builder import image_shape

    height, width, _ = image_shape(spec)
    return height, width


def _table(title: str, taps: "Sequence[Tap]", marked: Collection[str] | None) -> Table:
    table = Table(title=title, title_justify="left")
    if marked is not None:
        table.add_column("")
    table.add_column("tap", no_wrap=True)
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("stride", justify="right")
    table.add_column("what")
    for tap in taps:
        shape = "×".join("?" if length is None else str(length) for length in tap.shape)
        mark = [] if marked is None else ["•" if tap.name in marked else ""]
        name, description = lines(printable(tap.name)), lines(printable(tap.description))
        table.add_row(*mark, name, shape, "" if tap.stride is None else str(tap.stride), description)
    return table
