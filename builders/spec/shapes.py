"""What a value in a spec may look like. Schema, long forms, merging and `--set` all walk these shapes.

They come from two places: the annotations of types.py, and the catalogue of everything that can be named. `Named`,
`Text` and the notes `Doc` and `Key` can also be written in `Annotated`, beside a `Range`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MISSING: Any = object()
# A number of steps or epochs, as text.
DURATION = re.compile(r"\s*([0-9]{1,12})\s+(step|epoch)s?\s*")


@dataclass(frozen=True)
class Shape:
    """Anything a value may be; the base of all shapes."""

    def accepts(self, value: Any) -> bool:
        """Whether a text, number, flag or null has this shape."""
        return False


@dataclass(frozen=True)
class Anything(Shape):
    """Any value at all."""


@dataclass(frozen=True)
class Nothing(Shape):
    """null."""

    def accepts(self, value: Any) -> bool:
        return value is None


@dataclass(frozen=True)
class Flag(Shape):
    """true or false."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class Number(Shape):
    """A number. `above` and `below` are exclusive bounds."""

    whole: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return (
            (not self.whole or value == int(value))
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


@dataclass(frozen=True)
class Text(Shape):
    """Text; `pattern` is a regular expression for all of it and `hint` says the same to a person."""

    pattern: str | None = None
    hint: str = "text"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and (self.pattern is None or bool(re.fullmatch(self.pattern, value)))


@dataclass(frozen=True)
class Words(Shape):
    """One of these values."""

    values: tuple[Any, ...]

    def accepts(self, value: Any) -> bool:
        return any(value == word and isinstance(value, bool) == isinstance(word, bool) for word in self.values)


@dataclass(frozen=True)
class Length(Shape):
    """A Duration: a number of steps, or `N epochs`; at least 0 or 1 of them."""

    minimum: Literal[0, 1] = 0

    def accepts(self, value: Any) -> bool:
        if isinstance(value, str):
            match = DURATION.fullmatch(value)
            return match is not None and int(match[1]) >= self.minimum
        return Number(whole=True, minimum=self.minimum).accepts(value)


@dataclass(frozen=True)
class Items(Shape):
    """A list."""

    item: Shape
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True)
class Table(Shape):
    """A mapping from free keys, or from some of `keys`, to values of one shape."""

    value: Shape
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Named(Shape):
    """`Name` or `{Name: {arguments}}` of one kind in the catalogue."""

    kind: str


@dataclass(frozen=True)
class Defaults(Shape):
    """`{Name: {arguments}}` for any number of names of one kind: the `defaults` of a stack."""

    kind: str


@dataclass(frozen=True)
class Terms(Shape):
    """The terms of a loss: names, each with the common fields and its kind's arguments."""

    common: "Record"


@dataclass(frozen=True)
class Either(Shape):
    """One of several shapes."""

    options: tuple[Shape, ...]


@dataclass(frozen=True)
class Doc:
    """A note in `Annotated`: what a field is for, in one line, as an editor shows it."""

    text: str


@dataclass(frozen=True)
class Key:
    """A note in `Annotated`: a field's name in a spec, where Python reserves that word."""

    name: str


@dataclass(frozen=True)
class Field:
    """A key of a record, or an argument.

    Args:
        shape: What its value may be.
        doc: What it is for.
        required: Whether it must be given.
        default: Its value where the spec gives none, as plain data; MISSING where there is none to show.
        attribute: Its name in the record's class; empty where the class lacks it.
    """

    shape: Shape
    doc: str = ""
    required: bool = False
    default: Any = MISSING
    attribute: str = ""


@dataclass(frozen=True)
class Option:
    """One of several keys that exclude each other, and the other keys that only make sense beside it."""

    key: str
    companions: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """The key and its companions."""
        return (self.key, *self.companions)


@dataclass(frozen=True)
class Record(Shape):
    """A mapping with known keys.

    Args:
        name: What the schema calls it.
        fields: Its keys.
        doc: What it is for.
        short: The field that a value which is no mapping stands for.
        options: Keys of which at most one may stand; empty where all go together.
        noun: What messages call a key.
        cls: The class of types.py that a value becomes; None where it stays plain data.
    """

    name: str
    fields: Mapping[str, Field] = field(hash=False)
    doc: str = ""
    short: str | None = None
    options: tuple[Option, ...] = ()
    noun: str = "key"
    cls: type | None = None

    def option_of(self, key: str) -> Option | None:
        """The option that a key belongs to."""
        return next((option for option in self.options if key in option.members), None)


def options_of(shape: Shape) -> Iterator[Shape]:
    """The shape, or what an Either offers."""
    if isinstance(shape, Either):
        for option in shape.options:
            yield from options_of(option)
    else:
        yield shape


def accepts_null(shape: Shape) -> bool:
    """Whether null is a value of its own here."""
    return any(isinstance(option, Nothing | Anything) for option in options_of(shape))


def either(*shapes: Shape) -> Shape:
    """One of several shapes, flat and without repetition."""
    flat = tuple(dict.fromkeys(option for shape in shapes for option in options_of(shape)))
    return flat[0] if len(flat) == 1 else Either(flat)


def structured(shape: Shape, value: Any) -> Shape:
    """The option that fits the kind of a value (mapping, list, text or other), for walking further down.

    Args:
        shape: Any shape.
        value: What stands there: anything a Node holds.

    Returns:
        One shape that is no Either; the first option where none fits.
    """
    if not isinstance(shape, Either):
        return shape
    choices = list(options_of(shape))
    if isinstance(value, dict):
        wanted: tuple[type[Shape], ...] = (Record, Named, Table, Terms, Defaults)
    elif isinstance(value, list):
        wanted = (Items, Record)
    elif isinstance(value, str):
        words = [option for option in choices if isinstance(option, Words)]
        if any(value in option.values for option in words):
            return words[0]
        wanted = (Named, Text, Length, Words, Record)
    else:
        wanted = (Number, Flag, Length, Words, Record)
    for kind in wanted:
        for option in choices:
            if isinstance(option, kind):
                return option
    return choices[0]
