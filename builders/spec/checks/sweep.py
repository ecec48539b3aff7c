"""A sweep: its paths exist, and the values fit there."""

from collections.abc import Iterator

from builders.spec.annotations import record_of
from builders.spec.checks.view import View
from builders.spec.language import READING, language
from builders.spec.nodes import Node, Path
from builders.spec.overrides import Overrides
from builders.spec.problems import Problem, SpecErrors, listed, problem_at
from builders.spec.structure import Structure
from builders.spec.types import SweepParameter
from builders.spec.variables import Variables

_RANGES = ("log", "linear", "int")
_NOT_SWEPT = ("$schema", "extends", "version", "name", "description", "sweep", "expected")
# Trying values takes time; a grid has fewer.
_MOST_VALUES = 50


def sweep_checks(view: View, merged: Node) -> Iterator[Problem]:
    """What is wrong with the sweep.

    Args:
        view: The spec.
        merged: The tree with its variables still in place, on which a trial sets its values.
    """
    if not view.says("sweep"):
        return
    node = view.node("sweep", "parameters")
    if node is None or not node.is_mapping:
        return
    if not node.value:
        yield view.problem(("sweep", "parameters"), "needs at least one path of the spec with its values")
    tried = 0
    for name, parameter in node.value.items():
        path: Path = ("sweep", "parameters", name)
        if not parameter.is_mapping or path in view.faulty:
            continue
        yield from _form(view, path)
        values = [item for key in ("values", *_RANGES) for item in _items(parameter, key)]
        tried += len(values)
        if tried <= _MOST_VALUES and not any(wrong[:3] == path for wrong in view.faulty):
            yield from _values(view, merged, path, values)


def _items(parameter: Node, key: str) -> list[Node]:
    node = parameter.get(key)
    return node.value if node is not None and node.is_list else []


def _form(view: View, path: Path) -> Iterator[Problem]:
    keys = [option.key for option in record_of(SweepParameter).options]
    taken = [key for key in keys if view.says(*path, key)]
    if len(taken) != 1 and not any(wrong[:3] == path for wrong in view.faulty):
        yield view.problem(path, f"needs exactly one of {listed(keys)}, has {listed(taken) or 'none'}")
        return
    if taken and taken[0] in _RANGES:
        bounds = view.get(*path, taken[0], kind=list) or []
        if len(bounds) == 2 and not bounds[0] < bounds[1]:
            yield view.problem((*path, taken[0]), "expected the smaller number first, then the larger", value=True)
        elif len(bounds) == 2 and taken[0] == "log" and bounds[0] <= 0:
            yield view.problem((*path, "log"), "a logarithmic scale has no 0; begin above it", value=True)
        grid = view.get("sweep", "sampler") == "grid"
        if grid and taken[0] != "int" and not view.says(*path, "steps"):
            yield view.problem(path, "a grid needs 'steps', the number of points between the two numbers")


def _values(view: View, merged: Node, path: Path, values: list[Node]) -> Iterator[Problem]:
    """Sets each value as a trial would, and checks the part of the spec that it changes."""
    shape = language()
    overrides = Overrides(view.catalogue, shape)
    structure = Structure(view.catalogue)
    name = str(path[-1])
    top = name.split(".")[0]
    if top in _NOT_SWEPT:
        yield view.problem(path, f"'{top}' cannot be swept; name a path of what is trained")
        return
    for value in values:
        try:
            tree = overrides.at(merged, name, value)
        except SpecErrors as errors:
            yield view.problem(path, errors.problems[0].message)
            return
        # A variable may be used anywhere; any other path changes its own section only.
        sections = [key for key in tree.value if key not in (*READING, "sweep")] if top == "variables" else [top]
        body = tree.with_items({key: tree.value[key] for key in sections})
        body = overrides.long_forms(Variables(tree.get("variables"))(body), shape)
        for problem, wrong in structure.check(body):
            if wrong not in view.faulty:
                yield problem_at(value.place, path, f"{problem.path}: {problem.message}")
                break
