"""`when`: parameters of a sweep that exist only where other parameters have certain values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Path of a parameter → the values it may have there; a list means any of them.
When = Mapping[str, Any] | None


def holds(when: When, chosen: Mapping[str, Any]) -> bool:
    """Whether a parameter exists.

    Args:
        when: Its condition.
        chosen: Path → value of the parameters that were decided before.
    """
    return all(
        path in chosen and any(meets(wanted, chosen[path]) for wanted in alternatives(allowed))
        for path, allowed in (when or {}).items()
    )


def alternatives(allowed: Any) -> list[Any]:
    """The values that a condition allows."""
    return allowed if isinstance(allowed, list) else [allowed]


def meets(wanted: Any, value: Any) -> bool:
    """Whether a value is the wanted one: equal, a choice of that name, or a mapping with at least the same items."""
    if isinstance(wanted, Mapping) or isinstance(value, Mapping):
        wanted, value = _named(wanted), _named(value)
        return all(key in value and meets(item, value[key]) for key, item in wanted.items())
    return wanted == value and isinstance(wanted, bool) == isinstance(value, bool)


def _named(value: Any) -> Mapping[Any, Any]:
    """`Adam` is short for `{Adam: {}}`, and null for `{}`."""
    if isinstance(value, Mapping):
        return value
    return {} if value is None else {value if isinstance(value, str) else repr(value): {}}


def in_order(conditions: Mapping[str, When]) -> list[str]:
    """The parameters, each behind those that its condition names; one of a circle, or on something else, is left out.

    Args:
        conditions: Path of each parameter → its condition.
    """
    found: dict[str, None] = {}
    waiting = list(conditions)
    # One at a time: parameters keep their order wherever they can.
    while ready := next((path for path in waiting if all(other in found for other in conditions[path] or {})), None):
        found[ready] = None
        waiting.remove(ready)
    return list(found)


def needed(path: str, conditions: Mapping[str, When], values: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """The parameters on which one depends, at any remove → those of their values with which it exists."""
    found: dict[str, list[Any]] = {}
    waiting = [path]
    while waiting:
        for other, allowed in (conditions[waiting.pop()] or {}).items():
            if other not in found:
                found[other] = list(values[other])
                waiting.append(other)
            wanted = alternatives(allowed)
            found[other] = [value for value in found[other] if any(meets(item, value) for item in wanted)]
    return found


def combinations(
    conditions: Mapping[str, When], values: Mapping[str, Sequence[Any]], given: Mapping[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Every choice of one value for each parameter that then exists; the last parameter changes fastest.

    Args:
        conditions: Path of each parameter → its condition.
        values: Path → the values to choose from.
        given: Path → value of parameters that have this value wherever they exist.
    """
    order = in_order(conditions)
    waiting: list[tuple[int, dict[str, Any]]] = [(0, {})]
    while waiting:
        position, chosen = waiting.pop()
        while position < len(order) and not holds(conditions[order[position]], chosen):
            position += 1
        if position == len(order):
            yield chosen
            continue
        path = order[position]
        options = [given[path]] if given and path in given else values[path]
        waiting += [(position + 1, {**chosen, path: value}) for value in reversed(options)]
