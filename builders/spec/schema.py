"""The JSON Schema of a spec for editors and other validators, generated from the shapes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from builders.spec.annotations import language
from builders.spec.catalogue import Catalogue
from builders.spec.shapes import (
    MISSING,
    Anything,
    Defaults,
    Either,
    Flag,
    Length,
    Named,
    Number,
    Record,
    Shape,
    Terms,
    Text,
    Words,
    closed,
)

_VARIABLE = {"$ref": "#/$defs/variable"}
_DEFINITION_OF_A_VARIABLE = {
    "description": "A variable, `$name`; or null, which removes what was inherited.",
    "type": ["string", "null"],
    "pattern": r"^\$[A-Za-z_{]",
}


class SchemaWriter:
    """Writes the schema of one file, in which anything may be a variable or null.

    Args:
        catalogue: Everything that can be named.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self.definitions: dict[str, Any] = {"variable": _DEFINITION_OF_A_VARIABLE}

    def write(self) -> dict[str, Any]:
        """The whole schema. Nothing is required: completeness is checked after merging."""
        body = self._object(language())
        for kind in self.catalogue.kinds:
            self.of(Named(kind))
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Retrace spec"}
        return {**head, **body, "$defs": self.definitions}

    def of(self, shape: Shape) -> dict[str, Any]:
        """The schema of a shape."""
        schema = shape.schema(self)
        scalar = isinstance(shape, Number | Flag | Words | Text | Length)
        if not scalar or (isinstance(shape, Text) and shape.pattern is None):
            return schema
        return {"anyOf": [schema, _VARIABLE]}

    def either(self, shape: Either) -> dict[str, Any]:
        """One of several schemas."""
        options = [schema for option in shape.options for schema in _alternatives(option.schema(self))]
        takes_text = any(isinstance(option, Anything) or option == Text() for option in shape.options)
        return {"anyOf": options if takes_text else [*options, _VARIABLE]}

    def record(self, shape: Record) -> dict[str, Any]:
        """A record, or its short form, which may be of several types itself."""

        def write() -> dict[str, Any]:
            body = self._object(shape)
            return {"anyOf": [*_alternatives(self.of(shape.fields[shape.short].shape)), body]} if shape.short else body

        return self._define(shape.name, write)

    def named(self, shape: Named) -> dict[str, Any]:
        """A name, or a name with its arguments."""

        def write() -> dict[str, Any]:
            names = self.catalogue.names(shape.kind)
            words = self.catalogue.identifiers(shape.kind) if shape.is_word else names
            with_arguments = {**self._by_name(shape.kind), "minProperties": 1, "maxProperties": 1}
            return {"anyOf": [{"enum": words}, with_arguments, _VARIABLE]}

        return self._define(shape.kind, write)

    def defaults(self, shape: Defaults) -> dict[str, Any]:
        """Any number of names with their arguments."""
        return self._define(f"{shape.kind}-defaults", lambda: self._by_name(shape.kind))

    def terms(self, shape: Terms) -> dict[str, Any]:
        """A term's arguments are those of the loss that `loss` names, or else of the term's own name."""
        kinds = self.catalogue.names("loss")
        all_kinds = [*kinds, *(term for term in self.catalogue.reported_terms() if term not in kinds)]

        def term_of(kind: str) -> dict[str, Any]:
            entry = self.catalogue.entry("loss", kind)
            fields = {**(entry.arguments.fields if entry else {}), **shape.common.fields}
            record = replace(shape.common, fields=fields, doc=entry.doc if entry else "A term that a layer reports.")
            return self._define(f"loss-term.{kind}", lambda: self._object(record))

        def named_by_loss() -> dict[str, Any]:
            cases = [
                {"if": {"properties": {"loss": {"const": kind}}, "required": ["loss"]}, "then": term_of(kind)}
                for kind in kinds
            ]
            loss = {"anyOf": [{"enum": all_kinds}, _VARIABLE]}
            return {"properties": {"loss": loss}, "required": ["loss"], "allOf": cases}

        by_loss = {"if": {"required": ["loss"]}, "then": self._define("loss-term", named_by_loss)}
        number = _alternatives(self.of(Number()))

        def term(inner: dict[str, Any]) -> dict[str, Any]:
            return {"anyOf": [*number, {"type": ["object", "null"], **inner}]}

        properties = {kind: term({**by_loss, "else": term_of(kind)}) for kind in all_kinds}
        # One file may change a term that another one names; a whole spec must say what kind each is.
        return {"type": "object", "properties": properties, "additionalProperties": term(by_loss)}

    def _by_name(self, kind: str) -> dict[str, Any]:
        return closed({name: self._arguments(kind, name) for name in self.catalogue.names(kind)})

    def _arguments(self, kind: str, name: str) -> dict[str, Any]:
        entry = self.catalogue.entry(kind, name)
        return self._define(f"{kind}.{name}", lambda: self._object(entry.arguments if entry else Record(name, {})))

    def _define(self, name: str, write: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if name not in self.definitions:
            self.definitions[name] = {}  # a definition may lead back to itself
            self.definitions[name].update(write())
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, shape: Record) -> dict[str, Any]:
        properties = {}
        for key, field in shape.fields.items():
            described = {"description": field.doc} if field.doc else {}
            default = {"default": field.default} if field.default is not MISSING else {}
            properties[key] = {**described, **default, **self.of(field.shape)}
        return {**({"description": shape.doc} if shape.doc else {}), **closed(properties, nullable=True)}


def _alternatives(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options of a schema that is nothing but `anyOf`, or the schema alone."""
    return list(schema["anyOf"]) if list(schema) == ["anyOf"] else [dict(schema)]


def editor_schema(catalogue: Catalogue) -> dict[str, Any]:
    """The schema for editors and other validators: specs/schema/spec.schema.json."""
    return SchemaWriter(catalogue).write()
