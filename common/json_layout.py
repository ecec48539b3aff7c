"""JSON that changes line by line: for generated files that people review."""

import json
from collections.abc import Mapping
from typing import Any


def open_layout(value: Any, levels: int, depth: int = 0) -> str:
    """JSON with mappings spread over lines down to a level, and everything below on one line.

    Args:
        value: JSON data.
        levels: How many levels of mappings are spread.
        depth: The level of `value`.
    """
    if not isinstance(value, Mapping) or not value or depth >= levels:
        return json.dumps(value, ensure_ascii=False)
    indent = "  " * (depth + 1)
    lines = [f"{indent}{json.dumps(key)}: {open_layout(item, levels, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"
