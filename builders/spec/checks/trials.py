"""Trials of a sweep before any is trained: every value is set as a trial sets it, and the spec that results checked."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from builders.spec.checks.objective import unmeasured
from builders.spec.checks.sweep import Parameters
from builders.spec.checks.view import Checked, View
from builders.spec.conditions import combinations, needed
from builders.spec.language import language
from builders.spec.nodes import MAX_NODES, Node, Path, count, from_plain, plain
from builders.spec.overrides import Overrides, outer_first
from builders.spec.problems import Place, Problem, SpecErrors, problem_at, shown
from builders.spec.variables import literal

# Trying takes time: so many trials and no more, of specs so large in all.
_MOST_TRIALS = 50
_MOST_NODES = 2 * MAX_NODES
# A value that goes with none of so many combinations of the others is taken to go with none.
_MOST_ATTEMPTS = 4
_LONGEST_TEXT = 60

Check = Callable[[Node], Checked]
Trial = Mapping[str, Any]  # path → value


def trial_checks(view: View, merged: Node, check: Check, known: list[Problem]) -> Iterator[Problem]:
    """What is wrong with the trials of a sweep whose section is right by itself.

    Args:
        view: The spec.
        merged: Its tree with variables still in place, on which a trial sets its values.
        check: Completes and checks such a tree.
        known: What is wrong with the spec anyway.
    """
    if view.says("sweep"):
        yield from _Trials(view, merged, check, known).problems()


class _Trials:
    def __init__(self, view: View, merged: Node, check: Check, known: list[Problem]):
        self._parameters = Parameters.of(view)
        self._view, self._check, self._known = view, check, set(known)
        self._base = merged.with_items({k: v for k, v in merged.value.items() if k not in ("sweep", "expected")})
        self._overrides = Overrides(view.catalogue, language())
        column = view.get("sweep", "objective", kind=str) or view.get("training", "monitor", kind=str)
        # Where the spec itself lacks the column, that is known.
        self._column = None if column is None or unmeasured(view, column) else column
        self._trials, self._nodes = _MOST_TRIALS, _MOST_NODES

    def problems(self) -> Iterator[Problem]:
        """What is wrong, parameter by parameter."""
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
                tree = self._overrides.at(tree, path, from_plain(literal(trial[path]), place or tree.place))
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
        return plain(checked.view.root), problems

    def _replaced_by(self, name: str, trial: Trial) -> str | None:
        """A parameter with a value that replaces what `name` has set."""
        for other in trial:
            if other == name or other.split(".")[0] != name.split(".")[0]:
                continue
            for value in self._parameters.values[other][:_MOST_ATTEMPTS]:
                pair, unset = self._tree({name: trial[name], other: value})
                again = from_plain(literal(trial[name]), pair.place)
                if not unset and plain(self._overrides.at(pair, name, again)) != plain(pair):
                    return other
        return None


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else shown(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
