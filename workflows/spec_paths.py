"""The values of a resolved spec, one path each."""

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested data that holds no other, with its path in the syntax that `--set` takes."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    inner = [pair for key, item in pairs for pair in leaves(item, f"{path}.{key}" if path else str(key))]
    # An empty mapping or list is a value too.
    yield from inner or [(path, value)]
