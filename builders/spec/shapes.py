"""What a value in a spec may look like. Schema, long forms, merging and `--set` all walk these shapes.

They come from two places: the annotations of types.py, and the catalogue of everything that can be named. `Named`,
`Text` and the notes `Doc` and `Key` can also be written in `Annotated`, beside a `Range`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MISSING: Any = object()


@dataclass(frozen=True)
class Shape:
    """Anything a value may be; the base of all shapes."""


@dataclass(frozen=True)
class Anything(Shape):
    """Any value at all."""


@dataclass(frozen=True)
class Nothing(Shape):
    """null."""


@dataclass(frozen=True)
class Flag(Shape):
    """true or false."""


@dataclass(frozen=True)
class Number(Shape):
    """A number. `above` and `below` are exclusive bounds."""

    whole: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class Text(Shape):
    """Text; `pattern` is a regular expression for all of it and `hint` says the same to a person."""

    pattern: str | None = None
    hint: str = "text"


@dataclass(frozen=True)
class Words(Shape):
    """One of these values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Length(Shape):
    """A Duration: a number of steps, or `N epochs`; at least 0 or 1 of them."""

    minimum: Literal[0, 1] = 0


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
    """A key of a record, or an argument: its shape, what it is for, and what it is where nobody says.

    `default` is plain data, MISSING where there is none to show.
    """

    shape: Shape
    doc: str = ""
    required: bool = False
    default: Any = MISSING


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
        noun: What a key is, as messages say it.
    """

    name: str
    fields: Mapping[str, Field] = field(hash=False)
    doc: str = ""
    short: str | None = None
    options: tuple[Option, ...] = ()
    noun: str = "key"

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
