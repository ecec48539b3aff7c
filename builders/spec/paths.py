"""The values of a resolved spec, one path each, and where specs differ."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Differ between any two specs, and say nothing about why runs differ.
_NOT_COMPARED = ("name", "description", "expected")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested data that holds no other, with its path in the syntax that `--set` takes."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    inner = [pair for key, item in pairs for pair in leaves(item, f"{path}.{key}" if path else str(key))]
    # An empty mapping or list is a value too.
    yield from inner or [(path, value)]


def differences(specs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Path → values in resolved specs, where they are not all equal; None where a spec has no such path."""
    values_of = [dict(leaves({key: spec[key] for key in spec if key not in _NOT_COMPARED})) for spec in specs]
    paths = dict.fromkeys(path for spec in values_of for path in spec)
    rows = {path: [spec.get(path) for spec in values_of] for path in paths}
    # As text, because 1 and True, or 1 and 1.0, are equal in Python and not in a spec.
    return {path: values for path, values in rows.items() if len({json.dumps(value) for value in values}) > 1}
