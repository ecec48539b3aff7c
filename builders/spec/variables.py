"""`$name` and `${name}` → the values of `variables`."""

import re
from collections.abc import Mapping
from typing import Any

from builders.spec.nodes import MAX_BYTES, MAX_NODES, Node, Path, count, plain
from builders.spec.problems import Problem, listed, problem_at, shown, suggestion

_WHOLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9_]*")
_PART = re.compile(r"\$(?:(\$)|\{([^{}]*)\}|([A-Za-z_][A-Za-z0-9_]*)?)")

# Variables may name variables, so deep and no deeper.
_LONGEST_CHAIN = 8
_MOST_UNUSED = 20


def literal(value: Any) -> Any:
    """Plain data as a spec writes it, in which a dollar begins a variable: every dollar is doubled."""
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [literal(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


class Variables:
    """Replaces variables in a tree, and gathers what is wrong with them.

    A variable's value keeps its type and its place; where it was used is kept beside it, for errors. `problems`, and
    `failed`, the paths they are at, fill as trees are replaced.

    Args:
        variables: The node under `variables`, if there is one.
    """

    def __init__(self, variables: Node | None):
        values = variables.value if variables is not None and isinstance(variables.value, dict) else {}
        self.node = variables
        self.values: Mapping[str, Node] = values
        self.problems: list[Problem] = []
        self.failed: set[Path] = set()
        self._sizes: dict[str, int] = {}
        self._budget = MAX_NODES
        self._text_budget = MAX_BYTES
        self._resolved: dict[str, Node] = {}
        self._resolving: list[str] = []

    def __call__(self, node: Node, path: Path = ()) -> Node:
        """The tree with every variable replaced."""
        if isinstance(node.value, dict):
            return node.with_items({key: self(item, (*path, key)) for key, item in node.value.items()})
        if isinstance(node.value, list):
            return node.with_list([self(item, (*path, index)) for index, item in enumerate(node.value)])
        if isinstance(node.value, str) and "$" in node.value:
            return self._text(node, path)
        return node

    def unused(self, file: str) -> list[Problem]:
        """Variables that a file defines and nothing uses: most often a misspelt name."""
        if self.node is None or not self.node.is_mapping:
            return []
        found: list[Problem] = []
        for name in self.values:
            place = self.node.key_place(name)
            if place.file == file and name not in self._resolved and len(found) < _MOST_UNUSED:
                hint = suggestion(name, [other for other in self.values if other != name])
                lead = f"nothing uses this variable{hint or '; write $name where its value belongs, or remove it'}"
                found.append(problem_at(place, ("variables", name), lead))
        return found

    def used(self) -> set[str]:
        """Names of the variables that were used so far."""
        return set(self._resolved)

    def _text(self, node: Node, path: Path) -> Node:
        if match := _WHOLE.fullmatch(node.value):
            value = self._value(match[1] or match[2], node, path)
            return node if value is None else Node(value.value, value.place, value.keys, node.place, value.text)
        # A budget, so that text made of long variables cannot fill the memory.
        pieces, end = [], 0
        for match in _PART.finditer(node.value):
            pieces += [node.value[end : match.start()], self._part(match, node, path)]
            end = match.end()
        text = "".join([*pieces, node.value[end:]])
        self._text_budget -= len(text)
        if self._text_budget < 0:
            self._complain(node, path, "variables make the spec's text too long")
            return Node("", node.place)
        return Node(text, node.place, text=text)

    def _part(self, match: re.Match, node: Node, path: Path) -> str:
        if match[1]:
            return "$"
        if match[2] is not None:
            value = self._value(match[2], node, path)
            if value is None:
                return ""
            if isinstance(value.value, dict | list) or value.value is None:
                self._complain(
                    node, path, f"variable {shown(match[2])} is {shown(plain(value))}, which can't stand inside text"
                )
                return ""
            return str(value.value) if not isinstance(value.value, bool) else shown(value.value)
        if match[3]:
            message = f"inside text write '${{{match[3]}}}' for the variable, or '$$' for a dollar"
            self._complain(node, path, self._environment(match[3]) or message)
        else:
            command = "commands of the shell are not supported; " if node.value[match.end() :].startswith("(") else ""
            self._complain(node, path, f"{command}write '$$' for a dollar")
        return ""

    def _environment(self, name: str) -> str:
        """The message for what looks like a variable of the environment."""
        if name in self.values or not _ENVIRONMENT.fullmatch(name):
            return ""
        return (
            f"${name}: variables of the environment are not supported; write the value itself, or give it a name under "
            "'variables'"
        )

    def _value(self, name: str, node: Node, path: Path) -> Node | None:
        if name not in self.values:
            hint = suggestion(name, self.values) or (
                f"; known: {listed(self.values)}" if self.values else "; the spec has no variables"
            )
            environment = "" if suggestion(name, self.values) else self._environment(name)
            self._complain(node, path, environment or f"unknown variable {shown(name)}{hint}")
            return None
        if name not in self._resolved:
            if name in self._resolving or len(self._resolving) > _LONGEST_CHAIN:
                why = "refers to itself" if name in self._resolving else "is too many variables deep"
                self._complain(node, path, f"variable {shown(name)} {why}")
                return None
            self._resolving.append(name)
            self._resolved[name] = self(self.values[name], ("variables", name))
            self._resolving.pop()
            self._sizes[name] = count(self._resolved[name], MAX_NODES)
        self._budget -= self._sizes[name]
        if self._budget < 0:
            self._complain(node, path, f"variables make the spec larger than {MAX_NODES} values")
            return None
        return self._resolved[name]

    def _complain(self, node: Node, path: Path, message: str) -> None:
        self.problems.append(problem_at(node.place, path, message))
        self.failed.add(path)
