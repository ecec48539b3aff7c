"""Python annotations → shapes: of the fields of types.py, and of the constructors of registry entries."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from builders.spec import data_types, values
from builders.spec import types as spec_types
from builders.spec.shapes import (
    DURATION,
    MISSING,
    Anything,
    Defaults,
    Doc,
    Field,
    Flag,
    Items,
    Key,
    Length,
    Named,
    Nothing,
    Number,
    Option,
    Record,
    Shape,
    Table,
    Terms,
    Text,
    Words,
    either,
)
from builders.spec.types import Spec
from builders.spec.values import Duration
from common.registry import Range

# Not in the annotations: the field that a short form is short for, and the keys that exclude each other.
SHORT_FORMS = {
    data_types.SplitPart: "take",
    data_types.Classes: "names",
    spec_types.LossTerm: "weight",
    spec_types.Embeddings: "path",
}
_FEATURES = ("weights", "preprocessing", "taps", "input_size", "fuse")
OPTIONS = {
    spec_types.Encoder: (
        Option("backbone", (*_FEATURES, "residual")),
        Option("layers", ("defaults",)),
        Option("latents"),
        Option("embeddings"),
    ),
    spec_types.Decoder: (Option("layers", ("defaults",)), Option("architecture")),
    spec_types.Discriminator: (Option("layers", ("defaults",)), Option("architecture")),
    data_types.Classes: (Option("count"), Option("names")),
    spec_types.SweepParameter: (Option("values"), Option("log"), Option("linear"), Option("int")),
}
_AMOUNT = either(Number(above=0, maximum=1), Number(whole=True, minimum=1), Words(("rest",)))


def shape_of(annotation: Any, objects: Mapping[type, Shape] | None = None, bounds: Any = None) -> Shape:
    """The shape of an annotated value.

    Args:
        annotation: A type: int, float, bool, str, None, Any, Literal, unions, tuple, list, Mapping, the dataclasses of
            types.py, or Annotated of one of these.
        objects: Shapes of classes that are written by name in a spec, such as a Keras layer.
        bounds: A Range for the numbers inside.

    Raises:
        TypeError: The annotation has no counterpart in a spec.
    """
    if annotation == data_types.Amount:
        return _AMOUNT
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        notes = {type(note): note for note in arguments[1:]}
        inner, bounds = arguments[0], notes.get(Range, bounds)
        if stated := notes.get(Named) or notes.get(Text):
            plain = values.Choice if isinstance(stated, Named) else str
            options = typing.get_args(inner) or (inner,)
            return either(*(stated if option is plain else shape_of(option, objects) for option in options))
        return shape_of(inner, objects, bounds)
    if origin in (typing.Union, types.UnionType):
        return either(*(shape_of(option, objects, bounds) for option in arguments))
    if origin is typing.Literal:
        return Words(arguments)
    if origin is tuple and (len(arguments) != 2 or arguments[1] is not Ellipsis):
        shapes = dict.fromkeys(shape_of(item, objects, bounds) for item in arguments)
        return Items(either(*shapes), len(arguments), len(arguments))
    if origin in (tuple, list, Sequence):
        return Items(shape_of(arguments[0], objects, bounds))
    if origin in (dict, Mapping):
        keys = typing.get_args(arguments[0]) if typing.get_origin(arguments[0]) is typing.Literal else None
        if arguments[1] is spec_types.LossTerm:
            return Terms(record_of(spec_types.LossTerm))
        return Table(shape_of(arguments[1], objects, bounds), keys)
    return _plain_shape(annotation, objects or {}, bounds)


def _plain_shape(annotation: Any, objects: Mapping[type, Shape], bounds: Any) -> Shape:
    limits = dataclasses.asdict(bounds) if bounds else {}
    simple = {
        bool: Flag(),
        int: Number(whole=True, **limits),
        float: Number(**limits),
        str: Text(),
        None: Nothing(),
        type(None): Nothing(),
        Any: Anything(),
        values.Duration: Length(1 if limits.get("minimum") else 0),
    }
    if annotation in simple:
        return simple[annotation]
    for known, shape in objects.items():
        if isinstance(annotation, type) and issubclass(annotation, known):
            return shape
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return record_of(annotation)
    raise TypeError(f"no spec can hold a value annotated {annotation!r}")


@cache
def record_of(cls: type) -> Record:
    """The record of a dataclass of types.py."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields: dict[str, Field] = {}
    for item in dataclasses.fields(cls):
        annotation = hints[item.name]
        notes = {type(note): note for note in getattr(annotation, "__metadata__", ())}
        name = notes[Key].name if Key in notes else item.name
        doc = notes[Doc].text if Doc in notes else ""
        shape = shape_of(annotation)
        if name == "taps":
            shape = either(Items(Text()), shape)  # a list where every weight is 1
        default, required = MISSING, False
        if item.default is not dataclasses.MISSING:
            default = to_plain(item.default)
        elif item.default_factory is not dataclasses.MISSING:
            default = to_plain(item.default_factory())
        else:
            required = True
        fields[name] = Field(shape, doc, required, default, item.name)
        if name == "layers":
            text = "Arguments for every layer of a class in this stack; a layer's own arguments come first."
            fields["defaults"] = Field(Defaults("layer"), text)
    if cls is spec_types.LossTerm:
        # A term names its kind as a word; the kind's arguments are beside it, not below it.
        fields["loss"] = Field(Text(), fields["loss"].doc)
    doc = (cls.__doc__ or "").strip().splitlines()[0]
    return Record(cls.__name__, fields, doc, SHORT_FORMS.get(cls), OPTIONS.get(cls, ()), cls=cls)


def to_plain(value: Any) -> Any:
    """A value of types.py as plain data in long form."""
    if isinstance(value, values.Choice):
        return {value.name: to_plain(value.arguments)}
    if isinstance(value, values.Duration):
        return f"{value.value} epoch{'s' * (value.value != 1)}" if value.unit == "epochs" else value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = record_of(type(value)).fields
        return {key: to_plain(getattr(value, field.attribute)) for key, field in fields.items() if field.attribute}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def parse_duration(value: int | str | Duration) -> Duration:
    """A Duration from its form in a spec: a number of steps, `200 steps` or `15 epochs`.

    Raises:
        ValueError: The text is no duration.
    """
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        match = DURATION.fullmatch(value)
        if match is None:
            raise ValueError(f"expected a number of steps or text such as '3 epochs', got '{value}'")
        return Duration(int(match[1]), "epochs" if match[2] == "epoch" else "steps")
    return Duration(int(value))


# Keys that no file inherits.
NOT_INHERITED = ("name", "description", "expected")
# Keys that are not part of the complete spec.
READING = ("$schema", "extends", "variables")


@cache
def language() -> Record:
    """The shape of a whole spec file."""
    spec = record_of(Spec)
    fields = {
        "$schema": Field(Text(), "Path of the JSON Schema, for editors."),
        "extends": Field(Text(), "A spec this one inherits from; its path is relative to this file."),
        "variables": Field(
            Table(Anything()), "Values with names: `$name` is replaced by the value, `${name}` inside text."
        ),
    }
    return replace(spec, fields={**fields, **spec.fields})
