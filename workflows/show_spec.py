"""`show`: a spec as the program understands it: its network, or its values and where each comes from."""

import json
import os
from collections.abc import Sequence

from rich.console import Console

from builders.spec import load_spec
from workflows.console import new_table
from workflows.import_tensorflow import import_tensorflow
from workflows.spec_paths import leaves


def print_network(path: str | os.PathLike, overrides: Sequence[str], console: Console) -> None:
    """Prints the network that a spec describes, built symbolically: no weights are loaded, no image is read.

    Raises:
        RequestError: The spec is wrong, or its parts do not fit.
    """
    spec = load_spec(path, overrides).spec
    import_tensorflow()
    from builders.dataset_builder import image_shape
    from workflows.show import print_structure, structure

    print_structure(structure(spec, image_shape(spec)), spec, None, console)


def print_origins(path: str | os.PathLike, overrides: Sequence[str], console: Console) -> None:
    """Prints every value of the resolved spec and where it was written.

    Raises:
        RequestError: The spec is wrong.
    """
    loaded = load_spec(path, overrides)
    table = new_table("path", "value", "from", left=3)
    for name, value in leaves(loaded.resolved):
        table.add_row(name, json.dumps(value, ensure_ascii=False), loaded.origins.get(name, "default"))
    console.print(table)
