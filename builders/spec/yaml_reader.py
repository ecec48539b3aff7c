"""YAML text → nodes, from parse events, so that no file can crash the parser or build a bomb."""

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from builders.spec.nodes import MAX_DEPTH, MAX_NODES, Node
from builders.spec.problems import Place, Problem, SpecErrors, problem_at, shown
from builders.spec.scalars import NumberError, resolve

# `key:value`, in which the colon makes no key; an address or a drive is no such thing.
JOINED = re.compile(r"([A-Za-z_$][\w.]*):([^\s:/\\].*)")
_JOINED_IN_LINE = re.compile(r"""(?:^|[\s{\[,"'])([A-Za-z_][\w.]*):(?=[^\s:/\\,}\]])""")
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What a shell replaces: `${HOME}` and `%HOME%`.
_IN_BRACES = re.compile(r"\$\{[^\s{}]*\}?")
_IN_PERCENT = re.compile(r"%\w+%")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class _Open:
    """A collection that is still being read."""

    node: Node
    anchor: str | None
    key: str = ""
    key_place: Place | None = None
    skip: bool = False  # the value of a key that was refused
    size: int = 1
    height: int = 1


@dataclass
class _Anchored:
    node: Node
    size: int
    height: int


@dataclass
class _Reader:
    file: str
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Anchored | None] = field(default_factory=dict)  # None: still open
    root: Node | None = None
    total: int = 0
    documents: int = 0

    def place(self, mark: Any) -> Place:
        return Place(self.file, mark.line + 1, mark.column + 1)

    def stop(self, place: Place, message: str) -> NoReturn:
        raise SpecErrors([*self.problems, problem_at(place, (), message)])

    def event(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.stop(self.place(event.start_mark), "a second document; a spec is one document, so remove '---'")
        elif isinstance(event, yaml.AliasEvent):
            self.alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            self.scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self.open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.close()

    def scalar(self, event: yaml.ScalarEvent) -> None:
        place = self.place(event.start_mark)
        self.refuse_tag(event, place)
        awaits_key = bool(self.stack) and self.stack[-1].node.is_mapping and self.stack[-1].key_place is None
        if awaits_key:
            self.key(event.value, place)
            if event.implicit[0]:
                self.refuse_merge_key(event.value, place)
            return
        value: Any = event.value
        plain = event.implicit[0] and event.tag is None
        if plain:
            try:
                value = resolve(event.value)
            except NumberError as error:
                self.problems.append(problem_at(place, self.path(), str(error)))
            self.refuse_joined_key(event.value)
        node = Node(value, place, text=event.value if plain else None)
        self.grow(1, 1, place)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(node, 1, 1)
        self.put(node, 1, 1)

    def key(self, key: str, place: Place) -> None:
        frame = self.stack[-1]
        frame.key, frame.key_place, frame.skip = key, place, False
        if key in frame.node.keys:
            first = frame.node.keys[key]
            self.problems.append(
                problem_at(place, self.path(), f"duplicate key; it stands at {first} already: remove one of the two")
            )
            frame.skip = True

    def refuse_merge_key(self, key: str, place: Place) -> None:
        if key == "<<":
            message = "merge keys (<<) are not supported; write the keys out, or inherit a file with 'extends'"
            self.problems.append(problem_at(place, self.path()[:-1], message))
            self.stack[-1].skip = True

    def refuse_joined_key(self, value: str) -> None:
        """`{size:32}` is the key `size:32` without a value, which is never meant."""
        frame = self.stack[-1] if self.stack else None
        if frame is None or frame.key_place is None or value or not (match := JOINED.fullmatch(frame.key)):
            return
        message = f"a space is missing after the colon: write '{shown(match[1])[1:-1]}: {shown(match[2])[1:-1]}'"
        self.problems.append(problem_at(frame.key_place, self.path()[:-1], message))

    def alias(self, event: Any) -> None:
        place = self.place(event.start_mark)
        name = shown(event.anchor)
        if event.anchor not in self.anchors:
            self.stop(place, f"unknown anchor {name}; define it above with &NAME")
        anchored = self.anchors[event.anchor]
        if anchored is None:
            self.stop(place, f"anchor {name} refers to itself, which would never end")
        if self.stack and self.stack[-1].node.is_mapping and self.stack[-1].key_place is None:
            self.stop(place, f"alias {name} stands where a key is expected")
        self.grow(anchored.size, anchored.height, place)
        self.put(anchored.node, anchored.size, anchored.height)

    def open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        place = self.place(event.start_mark)
        self.refuse_tag(event, place)
        if self.stack and self.stack[-1].node.is_mapping and self.stack[-1].key_place is None:
            self.stop(place, "a list or mapping stands where a key is expected; keys are words")
        self.grow(1, 1, place)
        empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(Node(empty, place, {}), event.anchor))

    def close(self) -> None:
        frame = self.stack.pop()
        if frame.anchor is not None:
            self.anchors[frame.anchor] = _Anchored(frame.node, frame.size, frame.height)
        self.put(frame.node, frame.size, frame.height)

    def put(self, node: Node, size: int, height: int) -> None:
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        frame.size += size
        frame.height = max(frame.height, height + 1)
        if frame.node.is_list:
            frame.node.value.append(node)
            return
        if not frame.skip:
            frame.node.value[frame.key] = node
            frame.node.keys[frame.key] = frame.key_place or node.place
        frame.key_place = None

    def grow(self, size: int, height: int, place: Place) -> None:
        self.total += size
        if self.total > MAX_NODES:
            self.stop(
                place, f"the file holds more than {MAX_NODES} values, aliases written out; a spec needs far fewer"
            )
        if len(self.stack) + height > MAX_DEPTH:
            self.stop(place, f"nested more than {MAX_DEPTH} levels deep; a spec needs far fewer")

    def refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            tag = shown(event.tag.replace("tag:yaml.org,2002:", "!!"))
            self.problems.append(problem_at(place, self.path(), f"tag {tag} is not allowed: a spec is plain data"))

    def path(self) -> list[str | int]:
        return [
            frame.key if frame.node.is_mapping else len(frame.node.value)
            for frame in self.stack
            if frame.node.is_list or frame.key_place is not None
        ]


def read_yaml(text: str, file: str) -> Node:
    """The nodes of a YAML document.

    Args:
        text: The document.
        file: What places call it.

    Raises:
        SpecErrors: Syntax, tags, duplicate keys, unknown or circular anchors, or more than a spec may hold.
    """
    if match := _NOT_PRINTABLE.search(text):
        place = Place.after(file, text[: match.start()])
        raise SpecErrors([problem_at(place, (), f"character {match[0]!r} is not allowed in YAML; remove it")])
    reader = _Reader(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.event(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = reader.place(mark) if mark else Place(file, 1, 1)
        raise SpecErrors([*reader.problems, problem_at(place, (), _explain(error, text, place))]) from None
    except yaml.YAMLError as error:
        message = f"not valid YAML: {' '.join(str(error).split())[:200]}"
        raise SpecErrors([*reader.problems, problem_at(Place(file, 1, 1), (), message)]) from None
    if reader.problems:
        raise SpecErrors(reader.problems)
    return reader.root or Node(None, Place(file, 1, 1))


def _explain(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    lines, line = text.split("\n"), place.line
    written = lines[line - 1] if line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "not valid YAML: a tab indents this line; use spaces"
    reason = " ".join(part for part in (error.problem, error.context) if part)
    if error.context and error.context_mark and error.context_mark.line + 1 != line:
        reason += f" that begins in line {error.context_mark.line + 1}"
    if unquoted := _unquoted(written, place.column - 1):
        return f"not valid YAML: {unquoted}"
    before = lines[line - 2] if 1 < line <= len(lines) + 1 else ""
    if joined := _JOINED_IN_LINE.search(written) or _JOINED_IN_LINE.search(before):
        reason += f": a space is missing after the colon of '{joined[1]}:'"
    elif "mapping values are not allowed" in reason:
        reason += ": a second ': ' in one line, or a line indented too far; put text with a colon in quotes"
    return f"not valid YAML: {' '.join(reason.split())[:300]}"


def _unquoted(written: str, at: int) -> str | None:
    """The message for text that needs quotes in YAML, at its place in a line; None for any other text."""
    if braces := _IN_BRACES.match(written, max(at - 1, 0)):
        return (
            f"text with {shown(braces[0])} needs quotes here; it means a variable of the spec, and environment "
            "variables are not supported"
        )
    if percent := _IN_PERCENT.match(written, at):
        return f"text that begins with % needs quotes; environment variables such as {percent[0]} are not supported"
    return f"text that begins with {written[at]} needs quotes" if written[at : at + 1] in ("%", "@", "`") else None
