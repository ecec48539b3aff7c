"""Plain data of a complete spec → the typed, frozen Spec."""

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

from builders.spec import types as spec_types
from builders.spec.annotations import field_names, record_of
from builders.spec.types import Choice, Duration, LossTerm, Spec

_DURATION = re.compile(r"\s*([0-9]{1,12})\s+(step|epoch)s?\s*")


def parse_duration(value: int | str | Duration) -> Duration:
    """A Duration from what a spec holds: a number of steps, `200 steps` or `15 epochs`.

    Raises:
        ValueError: The text is no duration.
    """
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError(f"expected a number of steps or text such as '3 epochs', got '{value}'")
        return Duration(int(match[1]), "epochs" if match[2] == "epoch" else "steps")
    return Duration(int(value))


def build_spec(data: Mapping[str, Any]) -> Spec:
    """The typed Spec of complete and checked plain data."""
    return _build(Spec, data)


def _build(annotation: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _build(arguments[0], value)
    if annotation == spec_types.Amount:
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _build(_fitting(arguments, value), value)
    if annotation is Choice:
        [(name, inner)] = value.items()
        return Choice(name, inner)
    if annotation is Duration:
        return parse_duration(value)
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return _build_record(annotation, value)
    if origin is tuple:
        kinds = arguments if len(arguments) > 1 and arguments[1] is not Ellipsis else (arguments[0],) * len(value)
        return tuple(_build(kind, item) for kind, item in zip(kinds, value))
    if origin is Mapping:
        if arguments[1] is LossTerm:
            return {name: _build_term(name, term) for name, term in value.items()}
        return {key: _build(arguments[1], item) for key, item in value.items()}
    if annotation is float:
        return float(value)
    return value


def _fitting(options: tuple, value: Any) -> Any:
    """The member of a union that a value belongs to."""
    kinds: tuple[Any, ...] = (Mapping,) if isinstance(value, dict) else (tuple,) if isinstance(value, list) else ()
    for option in options:
        inner = typing.get_args(option)[0] if typing.get_origin(option) is typing.Annotated else option
        if typing.get_origin(inner) in kinds or inner is type(value):
            return option
        if isinstance(value, dict) and (dataclasses.is_dataclass(inner)):
            return option
        if inner is Duration and isinstance(value, int | str):
            return option
    return next((option for option in options if option is float and isinstance(value, int)), Any)


def _build_record(cls: type, data: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(cls, include_extras=True)
    values = {}
    for item, name in zip(dataclasses.fields(cls), field_names(cls)):
        if name in data:
            values[item.name] = _build(hints[item.name], data[name])
    return cls(**values)


def _build_term(name: str, data: Mapping[str, Any]) -> LossTerm:
    common = record_of(LossTerm).fields
    arguments = {key: value for key, value in data.items() if key not in common}
    term = {key: value for key, value in data.items() if key in common and key != "loss"}
    return _build_record(LossTerm, {**term, "loss": {data.get("loss", name): arguments}})
