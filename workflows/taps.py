"""`taps`: every place where a backbone can be looked into."""

from rich.console import Console
from rich.table import Table

from architectures.backbones.base import Tap
from common.errors import RequestError
from common.registry import BACKBONES, UnknownEntryError
from workflows.console import new_console


def list_taps(backbone: str, size: int = 224, console: Console | None = None) -> list[Tap]:
    """Prints a table of a backbone's taps, from the first to the last; needs no weights.

    Args:
        backbone: Registry name of the network.
        size: Side of the square image the network receives, in pixels.
        console: Where to print. None: standard output.

    Returns:
        The taps, as printed.

    Raises:
        RequestError: There is no such backbone, or the size is too small for it.
    """
    try:
        taps = BACKBONES.get(backbone)().taps((size, size, 3))
    except (UnknownEntryError, ValueError) as error:
        raise RequestError(str(error)) from error
    table = Table(title=f"Taps of {backbone} for images of {size}×{size}", title_justify="left")
    table.add_column("tap", no_wrap=True)
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("stride", justify="right")
    table.add_column("what")
    for tap in taps:
        shape = "×".join(str(length) for length in tap.shape)
        table.add_row(tap.name, shape, "" if tap.stride is None else str(tap.stride), tap.description)
    (console or new_console()).print(table)
    return taps
