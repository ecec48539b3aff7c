"""A sweep's section: its parameters have values, exist under conditions that can hold, and do not lie in each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from builders.spec.annotations import record_of
from builders.spec.checks.view import View
from builders.spec.conditions import When, alternatives, in_order, meets, needed
from builders.spec.nodes import Node, Path, plain
from builders.spec.problems import Problem, listed, shown, suggestion
from builders.spec.types import SweepParameter

_RANGES = ("log", "linear", "int")
_NOT_SWEPT = ("$schema", "extends", "version", "name", "description", "sweep", "expected")
# Nobody tries so many, and every trial sets all.
_MOST_PARAMETERS = 100


@dataclass(frozen=True)
class Parameters:
    """The parameters of a sweep that are right by themselves.

    Args:
        nodes: Path → the values, or the bounds of a range, as they were written.
        values: The same as plain data.
        conditions: Path → its `when`.
    """

    nodes: Mapping[str, list[Node]]
    values: Mapping[str, list[Any]]
    conditions: Mapping[str, When]

    @classmethod
    def of(cls, view: View) -> "Parameters":
        """Those of a spec."""
        section = view.node("sweep", "parameters")
        nodes, conditions = {}, {}
        for name, parameter in section.value.items() if section is not None and section.is_mapping else ():
            if parameter.is_mapping and not _is_faulty(view, name):
                nodes[name] = [item for key in ("values", *_RANGES) for item in _items(parameter, key)]
                when = parameter.get("when")
                conditions[name] = plain(when) if when is not None and when.is_mapping else None
        return cls(nodes, {name: [plain(node) for node in found] for name, found in nodes.items()}, conditions)


def sweep_checks(view: View) -> Iterator[Problem]:
    """What is wrong with the sweep's section."""
    if not view.says("sweep"):
        return
    node = view.node("sweep", "parameters")
    if node is None or not node.is_mapping:
        return
    if not node.value:
        yield view.problem(("sweep", "parameters"), "needs at least one path of the spec with its values")
    if len(node.value) > _MOST_PARAMETERS:
        message = f"expected at most {_MOST_PARAMETERS} parameters, got {len(node.value)}"
        yield view.problem(("sweep", "parameters"), message)
        return
    parameters = Parameters.of(view)
    for name in parameters.nodes:
        yield from _form(view, ("sweep", "parameters", name))
    wrong = [problem for name in parameters.conditions for problem in _condition(view, parameters, name)]
    yield from wrong
    if not wrong:
        yield from _nested(view, parameters)


def _is_faulty(view: View, name: str) -> bool:
    return any(wrong[:3] == ("sweep", "parameters", name) for wrong in view.faulty)


def _items(parameter: Node, key: str) -> list[Node]:
    node = parameter.get(key)
    return node.value if node is not None and node.is_list else []


def _form(view: View, path: Path) -> Iterator[Problem]:
    top = str(path[-1]).split(".")[0]
    if top in _NOT_SWEPT:
        yield view.problem(path, f"'{top}' cannot be swept; name a path of what is trained")
    keys = [option.key for option in record_of(SweepParameter).options]
    taken = [key for key in keys if view.says(*path, key)]
    if len(taken) != 1:
        yield view.problem(path, f"needs exactly one of {listed(keys)}, has {listed(taken) or 'none'}")
        return
    if taken[0] in _RANGES:
        bounds = view.get(*path, taken[0], kind=list) or []
        if len(bounds) == 2 and not bounds[0] < bounds[1]:
            yield view.problem((*path, taken[0]), "expected the smaller number first, then the larger", value=True)
        elif len(bounds) == 2 and taken[0] == "log" and bounds[0] <= 0:
            yield view.problem((*path, "log"), "a logarithmic scale has no 0; begin above it", value=True)
        grid = view.get("sweep", "sampler") == "grid"
        if grid and taken[0] != "int" and not view.says(*path, "steps"):
            yield view.problem(path, "a grid needs 'steps', the number of points between the two numbers")


def _condition(view: View, parameters: Parameters, name: str) -> Iterator[Problem]:
    """`when` names other parameters of the sweep, and values that they can have."""
    for other, allowed in (parameters.conditions[name] or {}).items():
        path: Path = ("sweep", "parameters", name, "when", other)
        if other not in parameters.nodes:
            others = [known for known in parameters.nodes if known != name]
            hint = suggestion(other, others) or (f"; there are {listed(others)}" if others else "; there is no other")
            if not _is_faulty(view, other):
                yield view.problem(path, f"expected another parameter of this sweep{hint}")
            continue
        if not view.says("sweep", "parameters", other, "values"):
            yield view.problem(path, f"'{other}' has a range; a condition needs one with 'values'")
            continue
        known = parameters.values[other]
        for wanted in alternatives(allowed):
            if not any(meets(wanted, value) for value in known):
                names = [str(next(iter(value), "{}")) if isinstance(value, dict) else value for value in known]
                hint = suggestion(wanted, map(str, names)) if isinstance(wanted, str) else ""
                message = f"'{other}' is never {shown(wanted)}{hint or f'; its values are {listed(names)}'}"
                yield view.problem(path, message, value=True)
    if name not in in_order(parameters.conditions) and all(
        other in parameters.nodes for other in parameters.conditions[name] or {}
    ):
        yield view.problem(("sweep", "parameters", name, "when"), "the conditions lead back to this parameter")


def _nested(view: View, parameters: Parameters) -> Iterator[Problem]:
    """No parameter sets what another one sets, unless its condition names the other."""
    known: dict[tuple[str, ...], str] = {}
    for name in parameters.nodes:
        same = known.setdefault(_parts(name), name)
        if same != name:
            yield view.problem(("sweep", "parameters", name), f"is the same path as '{same}'; remove one of the two")
    for inner in parameters.nodes:
        parts = _parts(inner)
        for length in range(1, len(parts)):
            outer = known.get(parts[:length])
            if outer is None or outer in (parameters.conditions[inner] or {}):
                continue
            if _together(parameters, outer, inner):
                message = f"lies inside '{outer}', which this sweep sets as well; remove one of the two"
                if any(meets(parts[length], value) for value in parameters.values[outer]):
                    message += f", or say that this one is for one choice: when: {{{outer}: {parts[length]}}}"
                yield view.problem(("sweep", "parameters", inner), message)
                break


def _parts(path: str) -> tuple[str, ...]:
    """A path in parts, of which 0 and 00 are the same position."""
    return tuple(str(int(part)) if part.isdecimal() and len(part) < 10 else part for part in path.split("."))


def _together(parameters: Parameters, one: str, other: str) -> bool:
    """Whether two parameters can exist in one trial."""
    first, second = (needed(path, parameters.conditions, parameters.values) for path in (one, other))
    return all(any(value in second[path] for value in first[path]) for path in first if path in second)
