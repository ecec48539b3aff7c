"""Checks of a sweep: its section, and every value tried in a trial, without training."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from builders.spec.annotations import record_of
from builders.spec.checks.objective import unmeasured
from builders.spec.checks.view import Checked, View
from builders.spec.conditions import When, alternatives, combinations, in_order, meets, needed
from builders.spec.nodes import MAX_NODES, Node, Path, count, from_plain, plain
from builders.spec.overrides import outer_first, sweep_value
from builders.spec.problems import Place, Problem, SpecErrors, listed, problem_at, shown, suggestion
from builders.spec.types import SweepParameter
from builders.spec.variables import literal

_RANGES = ("log", "linear", "int")
_NOT_SWEPT = ("$schema", "extends", "version", "name", "description", "sweep", "expected")
# Every trial sets all of them.
_MOST_PARAMETERS = 100
# Limits of the time that trials take: their number, and the size of all specs together.
_MOST_TRIALS = 50
_MOST_NODES = 2 * MAX_NODES
# A value that fits none of so many combinations of the others is assumed to fit none.
_MOST_ATTEMPTS = 4
_LONGEST_TEXT = 60

Check = Callable[[Node], Checked]
Trial = Mapping[str, Any]  # path → value


@dataclass(frozen=True)
class Parameters:
    """The parameters of a sweep that have no mistake of their own.

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
    """Problems of the sweep's section."""
    if not view.is_given("sweep"):
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
    taken = [key for key in keys if view.is_given(*path, key)]
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
        if grid and taken[0] != "int" and not view.is_given(*path, "steps"):
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
        if not view.is_given("sweep", "parameters", other, "values"):
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
                message = f"is inside '{outer}', which this sweep sets as well; remove one of the two"
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


def trial_checks(view: View, merged: Node, check: Check, known: list[Problem]) -> Iterator[Problem]:
    """Problems of the trials of a sweep whose section has none.

    Args:
        view: The spec.
        merged: Its tree with variables still in place, on which a trial sets its values.
        check: Completes and checks such a tree.
        known: What is wrong with the spec anyway.
    """
    if view.is_given("sweep"):
        yield from _Trials(view, merged, check, known).problems()


class _Trials:
    def __init__(self, view: View, merged: Node, check: Check, known: list[Problem]):
        self._parameters = Parameters.of(view)
        self._view, self._check, self._known = view, check, set(known)
        self._base = merged.with_items({k: v for k, v in merged.value.items() if k not in ("sweep", "expected")})
        column = view.get("sweep", "objective", kind=str) or view.get("training", "monitor", kind=str)
        # Where the spec itself lacks the column, that is reported already.
        self._column = None if column is None or unmeasured(view, column) else column
        self._trials, self._nodes = _MOST_TRIALS, _MOST_NODES

    def problems(self) -> Iterator[Problem]:
        """The problems, parameter by parameter."""
        company: Trial = {}
        for number in range(_MOST_ATTEMPTS):
            trial = self._trial(number, {})
            tree, wrong = self._tree(trial)
            if not wrong and not self._complete(tree)[1]:
                company = trial
                break
        for name in self._parameters.nodes:
            yield from self._values(name, company)

    def _values(self, name: str, company: Trial) -> Iterator[Problem]:
        """The values of one parameter, each among values of the others that go together."""
        path: Path = ("sweep", "parameters", name)
        seen: list[tuple[Any, Any]] = []  # value, spec
        for node, value in zip(self._parameters.nodes[name], self._parameters.values[name]):
            wrong: list[Problem] = []
            for trial in self._trials_with(name, value, company):
                if self._trials <= 0 or self._nodes <= 0:
                    return
                tree, unset = self._tree(trial, node.place)
                if name in unset:
                    yield self._view.problem(path, unset[name])
                    return
                if unset:
                    continue  # another parameter's mistake, which is found with that one
                spec, wrong = self._complete(tree)
                if wrong:
                    continue
                if other := self._replaced_by(name, trial):
                    message = f"{_text(value)} would never be used: '{other}' sets the same; leave one of them out"
                    yield problem_at(node.place, path, message)
                    return
                same = next((before for before, found in seen if found == spec and _text(before) != _text(value)), None)
                if same is not None:
                    message = f"{_text(same)} and {_text(value)} give the same spec; remove one, or sweep what is used"
                    yield problem_at(node.place, path, message)
                    return
                seen.append((value, spec))
                break
            if wrong:
                yield problem_at(node.place, path, f"{wrong[0].path}: {wrong[0].message}")

    def _trials_with(self, name: str, value: Any, company: Trial) -> Iterator[Trial]:
        """Trials in which a parameter has a value: one near a trial that is right, then others."""
        conditions, values = self._parameters.conditions, self._parameters.values
        needs = needed(name, conditions, values)
        for attempt in range(_MOST_ATTEMPTS + 1):
            fitting = {path: found[max(attempt - 1, 0) % len(found)] for path, found in needs.items() if found}
            given = {**({} if attempt else company), **fitting, name: value}
            trial = self._trial(max(attempt - 1, 0), given)
            if name in trial:
                yield trial

    def _trial(self, number: int, given: Trial) -> Trial:
        """A trial with the values of that number, from 0, of all parameters but those given."""
        few = {path: [values[number % len(values)]] for path, values in self._parameters.values.items() if values}
        return next(combinations(self._parameters.conditions, few, given))

    def _tree(self, trial: Trial, place: Place | None = None) -> tuple[Node, dict[str, str]]:
        """The spec with a trial's values, and the paths that lead nowhere with the reason why."""
        tree, unset = self._base, {}
        for path in outer_first(trial):
            try:
                value = from_plain(literal(trial[path]), place or tree.place)
                tree = sweep_value(tree, path, value, self._view.catalogue)
            except SpecErrors as errors:
                unset[path] = errors.problems[0].message
        return tree, unset

    def _complete(self, tree: Node) -> tuple[Any, list[Problem]]:
        """The complete spec of a trial, and what is wrong with it that is not wrong with the sweep's own."""
        self._trials -= 1
        self._nodes -= count(tree, MAX_NODES)
        try:
            checked = self._check(tree)
        except SpecErrors as errors:
            return None, list(errors.problems)
        problems = [problem for problem in checked.problems if problem not in self._known]
        if not problems and self._column is not None and (message := unmeasured(checked.view, self._column)):
            problems = [problem_at(tree.place, ("sweep", "objective"), message)]
        return plain(checked.root), problems

    def _replaced_by(self, name: str, trial: Trial) -> str | None:
        """A parameter with a value that replaces what `name` has set."""
        for other in trial:
            if other == name or other.split(".")[0] != name.split(".")[0]:
                continue
            for value in self._parameters.values[other][:_MOST_ATTEMPTS]:
                pair, unset = self._tree({name: trial[name], other: value})
                again = from_plain(literal(trial[name]), pair.place)
                if not unset and plain(sweep_value(pair, name, again, self._view.catalogue)) != plain(pair):
                    return other
        return None


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else shown(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
