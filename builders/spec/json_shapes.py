"""Shapes of values as JSON data, as the catalogue holds them."""

from typing import Any

from builders.spec.shapes import (
    Anything,
    Flag,
    Items,
    Length,
    Named,
    Nothing,
    Number,
    Record,
    Shape,
    Table,
    Text,
    Words,
    either,
    options_of,
)

_SIMPLE = {"any": Anything(), "null": Nothing(), "bool": Flag(), "duration": Length()}
_BOUNDS = ("minimum", "maximum", "above", "below")


def shape_to_json(shape: Shape) -> Any:
    """A shape as JSON data; `shape_from_json` reads it back."""
    for word, simple in _SIMPLE.items():
        if shape == simple:
            return word
    options = list(options_of(shape))
    if len(options) > 1:
        return [shape_to_json(option) for option in options]
    if isinstance(shape, Number):
        word = "int" if shape.whole else "float"
        bounds = {name: getattr(shape, name) for name in _BOUNDS if getattr(shape, name) is not None}
        return {"number": word, **bounds} if bounds else word
    if isinstance(shape, Text):
        return {"text": shape.pattern, "hint": shape.hint} if shape.pattern else "str"
    if isinstance(shape, Words):
        return {"words": list(shape.values)}
    if isinstance(shape, Items):
        count = {"minimum": shape.minimum} if shape.minimum else {}
        count |= {"maximum": shape.maximum} if shape.maximum is not None else {}
        return {"list": shape_to_json(shape.item), **count}
    if isinstance(shape, Table):
        return {"map": shape_to_json(shape.value)}
    if isinstance(shape, Named):
        return {"choice": shape.kind}
    if isinstance(shape, Record):
        return {"record": shape.name}
    raise TypeError(f"the catalogue cannot hold {shape!r}")


def shape_from_json(data: Any) -> Shape:
    """The shape that `shape_to_json` wrote."""
    if isinstance(data, str):
        if data in _SIMPLE:
            return _SIMPLE[data]
        return {"int": Number(whole=True), "float": Number(), "str": Text()}[data]
    if isinstance(data, list):
        return either(*map(shape_from_json, data))
    if "number" in data:
        return Number(data["number"] == "int", **{name: data[name] for name in _BOUNDS if name in data})
    if "text" in data:
        return Text(data["text"], data["hint"])
    if "words" in data:
        return Words(tuple(data["words"]))
    if "list" in data:
        return Items(shape_from_json(data["list"]), data.get("minimum", 0), data.get("maximum"))
    if "map" in data:
        return Table(shape_from_json(data["map"]))
    if "choice" in data:
        return Named(data["choice"])
    return _record(data["record"])


def _record(name: str) -> Record:
    from builders.spec import types as spec_types
    from builders.spec.annotations import record_of

    return record_of(getattr(spec_types, name))
