"""JSON text → nodes. The standard library's reader forgets positions and duplicate keys."""

import json
import re
from bisect import bisect_right

from builders.spec.nodes import MAX_DEPTH, MAX_NODES, Node
from builders.spec.problems import Place, Problem, SpecErrors, problem_at, shown
from builders.spec.scalars import NumberError, number

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?(?![0-9A-Za-z_.])")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {"true": True, "false": False, "null": None}


class _Scanner:
    def __init__(self, text: str, file: str):
        self.text = text
        self.file = file
        self.position = 0
        self.total = 0
        self.problems: list[Problem] = []
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, position: int) -> Place:
        line = bisect_right(self.lines, position)
        return Place(self.file, line, position - self.lines[line - 1] + 1)

    def stop(self, message: str, position: int | None = None) -> SpecErrors:
        place = self.place(self.position if position is None else position)
        return SpecErrors([*self.problems, problem_at(place, (), message)])

    def peek(self) -> str:
        if space := _SPACE.match(self.text, self.position):
            self.position = space.end()
        return self.text[self.position : self.position + 1]

    def seen(self) -> str:
        character = self.peek()
        return shown(character) if character else "the end of the file"

    def document(self) -> Node:
        if not self.peek():
            return Node(None, Place(self.file, 1, 1))
        root = self.value((), 1)
        if self.peek():
            raise self.stop(f"not valid JSON: expected the end of the file, got {self.seen()}")
        return root

    def value(self, path: tuple, depth: int) -> Node:
        character = self.peek()
        start = self.position
        place = self.place(start)
        self.total += 1
        if self.total > MAX_NODES:
            raise self.stop(f"the file holds more than {MAX_NODES} values; a spec needs far fewer")
        if depth > MAX_DEPTH:
            raise self.stop(f"nested more than {MAX_DEPTH} levels deep; a spec needs far fewer")
        if character == "{":
            return self.mapping(path, depth, place)
        if character == "[":
            return self.sequence(path, depth, place)
        if character == '"':
            return Node(self.string(), place)
        if match := _NUMBER.match(self.text, start):
            self.position = match.end()
            try:
                value = number(match[0], whole=match[1] is None and match[2] is None)
                return Node(value, place, text=match[0])
            except NumberError as error:
                self.problems.append(problem_at(place, path, str(error)))
                return Node(0, place)
        word = _WORD.match(self.text, start)
        if word and word[0] in _WORDS:
            self.position = word.end()
            return Node(_WORDS[word[0]], place, text=word[0])
        raise self.stop(f"not valid JSON: expected a value, got {shown(word[0]) if word else self.seen()}{self.hint()}")

    def hint(self) -> str:
        character = self.peek()
        if character == "'":
            return '; JSON quotes text with "'
        if character in ("/", "#"):
            return "; JSON has no comments: write the spec in YAML to have them"
        if character in ("}", "]"):
            comma = self.text[: self.position].rstrip().endswith(",")
            return "; remove the comma before it" if comma else "; a value is missing before it"
        if character == '"':
            return "; the text is not closed, or holds a line break or an unknown \\ sequence"
        return ""

    def string(self) -> str:
        start = self.position
        match = _STRING.match(self.text, start)
        if match is None:
            raise self.stop(f"not valid JSON: a faulty text{self.hint()}")
        self.position = match.end()
        value = json.loads(match[0])
        if _SURROGATE.search(value):
            raise self.stop("not valid JSON: \\ud800 to \\udfff stand for no character alone", start)
        return value

    def mapping(self, path: tuple, depth: int, place: Place) -> Node:
        items: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        self.position += 1
        if self.peek() == "}":
            self.position += 1
            return Node(items, place, keys)
        while True:
            if self.peek() != '"':
                raise self.stop(f'not valid JSON: expected a key in ", got {self.seen()}{self.hint()}')
            key_place = self.place(self.position)
            key = self.string()
            if self.peek() != ":":
                raise self.stop(f"not valid JSON: expected ':' after the key, got {self.seen()}")
            self.position += 1
            value = self.value((*path, key), depth + 1)
            if key in keys:
                message = f"duplicate key; it stands at {keys[key]} already: remove one of the two"
                self.problems.append(problem_at(key_place, (*path, key), message))
            else:
                items[key], keys[key] = value, key_place
            if not self.another("}"):
                return Node(items, place, keys)

    def sequence(self, path: tuple, depth: int, place: Place) -> Node:
        items: list[Node] = []
        self.position += 1
        if self.peek() == "]":
            self.position += 1
            return Node(items, place)
        while True:
            items.append(self.value((*path, len(items)), depth + 1))
            if not self.another("]"):
                return Node(items, place)

    def another(self, end: str) -> bool:
        character = self.peek()
        if character not in (",", end) or not character:
            if character == '"':
                hint = "; a comma is missing before it"
            else:
                hint = "" if character in ("}", "]") else self.hint()
            raise self.stop(f"not valid JSON: expected ',' or '{end}', got {self.seen()}{hint}")
        self.position += 1
        return character == ","


def read_json(text: str, file: str) -> Node:
    """The nodes of a JSON document.

    Args:
        text: The document.
        file: What places call it.

    Raises:
        SpecErrors: Syntax, duplicate keys, or more than a spec may hold.
    """
    scanner = _Scanner(text, file)
    root = scanner.document()
    if scanner.problems:
        raise SpecErrors(scanner.problems)
    return root
