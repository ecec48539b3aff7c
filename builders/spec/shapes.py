"""What a value in a spec may be, in words, and as JSON Schema. Reading, merging and `--set` all walk these shapes.

They come from two places: the annotations of types.py, and the catalogue of everything that can be named. `Named`,
`Text` and the notes `Doc` and `Key` can also be written in `Annotated`, beside a `Range`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from builders.spec.problems import shown

MISSING: Any = object()
# A number of steps or epochs, as text.
DURATION = re.compile(r"\s*([0-9]{1,12})\s+(step|epoch)s?\s*")


@dataclass(frozen=True)
class Shape:
    """Anything a value may be; the base of all shapes."""

    def accepts(self, value: Any) -> bool:
        """Whether a text, number, flag or null has this shape."""
        return False

    def phrases(self) -> list[str]:
        """What messages call it: one phrase for each form."""
        return ["any value"]

    def schema(self, writer: Any) -> dict[str, Any]:
        """Its JSON Schema. `writer`, a SchemaWriter, writes the shapes inside and all that needs the catalogue."""
        return {}


@dataclass(frozen=True)
class Anything(Shape):
    """Any value at all."""


@dataclass(frozen=True)
class Nothing(Shape):
    """null."""

    def accepts(self, value: Any) -> bool:
        return value is None

    def phrases(self) -> list[str]:
        return ["null"]

    def schema(self, writer: Any) -> dict[str, Any]:
        return {"type": "null"}


@dataclass(frozen=True)
class Flag(Shape):
    """true or false."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)

    def phrases(self) -> list[str]:
        return ["true", "false"]

    def schema(self, writer: Any) -> dict[str, Any]:
        return {"type": "boolean"}


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

    def phrases(self) -> list[str]:
        bounds = (("from", self.minimum), ("above", self.above), ("up to", self.maximum), ("below", self.below))
        limits = " and ".join(f"{words} {bound}" for words, bound in bounds if bound is not None)
        if self.minimum is not None:
            limits = limits.replace(" and up to", " to")
        return [("a whole number" if self.whole else "a number") + (f" {limits}" if limits else "")]

    def schema(self, writer: Any) -> dict[str, Any]:
        bounds = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        kind = "integer" if self.whole else "number"
        return {"type": kind, **{key: value for key, value in bounds.items() if value is not None}}


@dataclass(frozen=True)
class Text(Shape):
    """Text; `pattern` is a regular expression for all of it and `hint` describes it in words."""

    pattern: str | None = None
    hint: str = "text"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and (self.pattern is None or bool(re.fullmatch(self.pattern, value)))

    def phrases(self) -> list[str]:
        return [self.hint]

    def schema(self, writer: Any) -> dict[str, Any]:
        # $ alone would let a line break follow.
        return {"type": "string", **({"pattern": f"^(?:{self.pattern})$(?!\\n)"} if self.pattern else {})}


@dataclass(frozen=True)
class Words(Shape):
    """One of these values."""

    values: tuple[Any, ...]

    def accepts(self, value: Any) -> bool:
        return any(value == word and isinstance(value, bool) == isinstance(word, bool) for word in self.values)

    def phrases(self) -> list[str]:
        return [shown(word).strip("'") for word in self.values]

    def schema(self, writer: Any) -> dict[str, Any]:
        return {"enum": list(self.values)}


@dataclass(frozen=True)
class Length(Shape):
    """A Duration: a number of steps, or `N epochs`; at least 0 or 1 of them."""

    minimum: Literal[0, 1] = 0

    def accepts(self, value: Any) -> bool:
        if isinstance(value, str):
            match = DURATION.fullmatch(value)
            return match is not None and int(match[1]) >= self.minimum
        return Number(whole=True, minimum=self.minimum).accepts(value)

    def phrases(self) -> list[str]:
        return [f"a number of steps{' from 1' if self.minimum else ''}", "text such as '3 epochs'"]

    def schema(self, writer: Any) -> dict[str, Any]:
        number = "0{0,11}[1-9][0-9]{0,11}" if self.minimum else "[0-9]{1,12}"
        text = {"type": "string", "pattern": rf"^\s*{number}\s+(steps?|epochs?)\s*$"}
        return {"anyOf": [{"type": "integer", "minimum": self.minimum}, text]}


@dataclass(frozen=True)
class Items(Shape):
    """A list."""

    item: Shape
    minimum: int = 0
    maximum: int | None = None

    def phrases(self) -> list[str]:
        if self.minimum and self.minimum == self.maximum:
            return [f"a list of {self.minimum}"]
        if self.minimum:
            return [f"a list of at least {self.minimum}"]
        return [f"a list of at most {self.maximum}" if self.maximum is not None else "a list"]

    def schema(self, writer: Any) -> dict[str, Any]:
        limits = {"minItems": self.minimum or None, "maxItems": self.maximum}
        counted = {key: limit for key, limit in limits.items() if limit is not None}
        return {"type": "array", "items": writer.of(self.item), **counted}


@dataclass(frozen=True)
class Table(Shape):
    """A mapping from free keys, or from some of `keys`, to values of one shape."""

    value: Shape
    keys: tuple[str, ...] | None = None

    def phrases(self) -> list[str]:
        return _mapping_with(self.keys or ())

    def schema(self, writer: Any) -> dict[str, Any]:
        value = writer.of(self.value)
        any_key = {"type": "object", "additionalProperties": value}
        return closed(dict.fromkeys(self.keys, value)) if self.keys else any_key


@dataclass(frozen=True)
class Named(Shape):
    """`Name` or `{Name: {arguments}}` of one kind in the catalogue."""

    kind: str

    @property
    def is_word(self) -> bool:
        """Whether Keras takes the name alone as text, such as `he_normal`."""
        return self.kind in ("initializer", "regularizer", "constraint")

    def phrases(self) -> list[str]:
        return [f"{_with_article(self.kind)}{'' if self.is_word else ' by name'}"]

    def schema(self, writer: Any) -> dict[str, Any]:
        return writer.named(self)


@dataclass(frozen=True)
class Defaults(Shape):
    """`{Name: {arguments}}` for any number of names of one kind: the `defaults` of a stack."""

    kind: str

    def phrases(self) -> list[str]:
        return [f"{_with_article(self.kind)} by name"]

    def schema(self, writer: Any) -> dict[str, Any]:
        return writer.defaults(self)


@dataclass(frozen=True)
class Terms(Shape):
    """The terms of a loss: names, each with the common fields and its kind's arguments."""

    common: "Record"

    def phrases(self) -> list[str]:
        return ["terms such as {l1: 0.8, ssim: 0.2}"]

    def schema(self, writer: Any) -> dict[str, Any]:
        return writer.terms(self)


@dataclass(frozen=True)
class Either(Shape):
    """One of several shapes."""

    options: tuple[Shape, ...]

    def schema(self, writer: Any) -> dict[str, Any]:
        return writer.either(self)


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
        short: The field that a value which is no mapping is short for.
        options: Keys that exclude each other; empty where all go together.
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

    def phrases(self) -> list[str]:
        return _mapping_with(self.fields)

    def schema(self, writer: Any) -> dict[str, Any]:
        return writer.record(self)

    def option_of(self, key: str) -> Option | None:
        """The option that a key belongs to."""
        return next((option for option in self.options if key in option.members), None)


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _mapping_with(keys: Iterable[str]) -> list[str]:
    first = next(iter(keys), None)
    return [f"a mapping such as {{{first}: …}}" if first else "a mapping"]


def closed(properties: Mapping[str, Any], nullable: bool = False) -> dict[str, Any]:
    """The JSON Schema of a mapping with these keys and no others."""
    kind = ["object", "null"] if nullable else "object"
    return {"type": kind, "properties": properties, "additionalProperties": False}


MAPPINGS: tuple[type[Shape], ...] = (Record, Named, Table, Terms, Defaults)


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
        value: The value of a Node.

    Returns:
        One shape that is no Either; the first option where none fits.
    """
    if not isinstance(shape, Either):
        return shape
    choices = list(options_of(shape))
    if isinstance(value, dict):
        wanted = MAPPINGS
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
