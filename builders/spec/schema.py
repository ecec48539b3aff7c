"""The JSON Schema of a spec for editors and other validators, generated from the shapes."""

from collections.abc import Mapping
from typing import Any

from builders.spec.annotations import language
from builders.spec.catalogue import KERAS_OBJECTS, Catalogue, Entry
from builders.spec.shapes import (
    MISSING,
    Anything,
    Defaults,
    Either,
    Field,
    Flag,
    Items,
    Length,
    Named,
    Nothing,
    Number,
    Record,
    Shape,
    Table,
    Terms,
    Text,
    Words,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {
    "description": "A variable, `$name`; or null, which removes what was inherited.",
    "type": ["string", "null"],
    "pattern": r"^\$[A-Za-z_{]",
}
_DURATION = r"^\s*{number}\s+(steps?|epochs?)\s*$"
_ANY_LENGTH, _SOME_LENGTH = "[0-9]{1,12}", "0{0,11}[1-9][0-9]{0,11}"


class SchemaWriter:
    """Writes the schema of one file, in which anything may be a variable or null.

    Args:
        catalogue: Everything that can be named.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self.definitions: dict[str, Any] = {"variable": _VARIABLE}

    def write(self) -> dict[str, Any]:
        """The whole schema. Nothing is required: completeness is checked after merging."""
        shape = language()
        body = self._object(shape)
        for kind in self.catalogue.kinds:
            self.of(Named(kind))
        return {"$schema": DIALECT, "title": "Retrace spec", **body, "$defs": self.definitions}

    def of(self, shape: Shape) -> dict[str, Any]:
        """The schema of a shape."""
        schema = self._of(shape)
        scalar = isinstance(shape, Number | Flag | Words | Text | Length)
        if not scalar or (isinstance(shape, Text) and shape.pattern is None):
            return schema
        return {"anyOf": [schema, {"$ref": "#/$defs/variable"}]}

    def _of(self, shape: Shape) -> dict[str, Any]:
        if isinstance(shape, Anything):
            return {}
        if isinstance(shape, Nothing):
            return {"type": "null"}
        if isinstance(shape, Flag):
            return {"type": "boolean"}
        if isinstance(shape, Number):
            bounds = {
                "minimum": shape.minimum,
                "maximum": shape.maximum,
                "exclusiveMinimum": shape.above,
                "exclusiveMaximum": shape.below,
            }
            kind = "integer" if shape.whole else "number"
            return {"type": kind, **{key: value for key, value in bounds.items() if value is not None}}
        if isinstance(shape, Text):
            # $ alone would let a line break follow.
            pattern = {"pattern": f"^(?:{shape.pattern})$(?!\\n)", "$comment": shape.hint} if shape.pattern else {}
            return {"type": "string", **pattern}
        if isinstance(shape, Words):
            return {"enum": list(shape.values)}
        if isinstance(shape, Length):
            text = _DURATION.replace("{number}", _SOME_LENGTH if shape.minimum else _ANY_LENGTH)
            forms = ({"type": "integer", "minimum": shape.minimum}, {"type": "string", "pattern": text})
            return {"anyOf": [{**form, "$comment": "a duration"} for form in forms]}
        if isinstance(shape, Items):
            count = {"minItems": shape.minimum} if shape.minimum else {}
            count |= {"maxItems": shape.maximum} if shape.maximum is not None else {}
            return {"type": "array", "items": self.of(shape.item), **count}
        if isinstance(shape, Table):
            if shape.keys:
                properties = {key: self.of(shape.value) for key in shape.keys}
                return {"type": "object", "$comment": "key", "properties": properties, "additionalProperties": False}
            return {"type": "object", "additionalProperties": self.of(shape.value)}
        if isinstance(shape, Named):
            return self._named(shape.kind)
        if isinstance(shape, Defaults):
            return self._defaults(shape.kind)
        if isinstance(shape, Terms):
            return self._terms(shape)
        if isinstance(shape, Either):
            return self._either(shape)
        if isinstance(shape, Record):
            return self._record(shape)
        raise TypeError(f"no schema for {shape!r}")

    def _either(self, shape: Either) -> dict[str, Any]:
        options = [schema for option in shape.options for schema in _alternatives(self._of(option))]
        takes_text = any(isinstance(option, Anything) or option == Text() for option in shape.options)
        if not takes_text:
            options.append({"$ref": "#/$defs/variable"})
        return {"anyOf": options}

    def _define(self, name: str, write: Any) -> dict[str, Any]:
        if name not in self.definitions:
            self.definitions[name] = {}  # a definition may lead back to itself
            self.definitions[name].update(write())
        return {"$ref": f"#/$defs/{name}"}

    def _record(self, shape: Record) -> dict[str, Any]:
        def write() -> dict[str, Any]:
            body = self._object(shape)
            if shape.short is None:
                return body
            # The short form may be of several types itself.
            return {"anyOf": [*_alternatives(self.of(shape.fields[shape.short].shape)), body]}

        return self._define(shape.name, write)

    def _object(self, shape: Record) -> dict[str, Any]:
        described = {"description": shape.doc} if shape.doc else {}
        return {
            **described,
            "$comment": shape.noun,
            "type": ["object", "null"],
            "properties": {key: self._field(field) for key, field in shape.fields.items()},
            "additionalProperties": False,
        }

    def _field(self, field: Field) -> dict[str, Any]:
        described = {"description": field.doc} if field.doc else {}
        if field.default is not MISSING:
            described["default"] = field.default
        return {**described, **self.of(field.shape)}

    def _named(self, kind: str) -> dict[str, Any]:
        def write() -> dict[str, Any]:
            names = self.catalogue.names(kind)
            with_arguments = {
                "$comment": kind,
                "type": "object",
                "properties": {name: self._arguments(kind, name) for name in names},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            }
            words = self.catalogue.identifiers(kind) if kind in KERAS_OBJECTS else names
            options = [{"$comment": kind, "enum": words}, with_arguments]
            return {"anyOf": [*options, {"$ref": "#/$defs/variable"}]}

        return self._define(kind, write)

    def _arguments(self, kind: str, name: str) -> dict[str, Any]:
        entry = self.catalogue.entry(kind, name)
        return self._define(f"{kind}.{name}", lambda: self._object(entry.arguments if entry else Record(name, {})))

    def _defaults(self, kind: str) -> dict[str, Any]:
        def write() -> dict[str, Any]:
            properties = {name: self._arguments(kind, name) for name in self.catalogue.names(kind)}
            return {"type": "object", "$comment": kind, "properties": properties, "additionalProperties": False}

        return self._define(f"{kind}-defaults", write)

    def _terms(self, shape: Terms) -> dict[str, Any]:
        """A term's arguments are those of the loss that `loss` names, or else of the term's own name."""
        kinds = self.catalogue.names("loss")
        reported = [term for term in self.catalogue.reported_terms() if term not in kinds]

        def term_of(kind: str) -> dict[str, Any]:
            entry: Entry | None = self.catalogue.entry("loss", kind)
            fields = {**(entry.arguments.fields if entry else {}), **shape.common.fields}
            doc = entry.doc if entry else "A term that a layer reports."
            record = Record(f"loss.{kind}", fields, doc, noun="argument")
            return self._define(f"loss-term.{kind}", lambda: self._object(record))

        def named_by_loss() -> dict[str, Any]:
            cases = [
                {"if": {"properties": {"loss": {"const": kind}}, "required": ["loss"]}, "then": term_of(kind)}
                for kind in kinds
            ]
            known = {"enum": [*kinds, *reported], "$comment": "loss"}
            loss = {"anyOf": [known, {"$ref": "#/$defs/variable"}]}
            return {"properties": {"loss": loss}, "required": ["loss"], "allOf": cases}

        by_loss = self._define("loss-term", named_by_loss)
        number = _alternatives(self.of(Number()))

        def term(inner: dict[str, Any]) -> dict[str, Any]:
            return {"anyOf": [*number, {"type": ["object", "null"], **inner}]}

        properties = {
            kind: term({"if": {"required": ["loss"]}, "then": by_loss, "else": term_of(kind)})
            for kind in [*kinds, *reported]
        }
        # One file may change a term that another one names; a whole spec must say what kind each is.
        others = term({"if": {"required": ["loss"]}, "then": by_loss})
        return {"type": "object", "$comment": "loss", "properties": properties, "additionalProperties": others}


def _alternatives(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options of a schema that is nothing but `anyOf`, or the schema alone."""
    return list(schema["anyOf"]) if list(schema) == ["anyOf"] else [dict(schema)]


def editor_schema(catalogue: Catalogue) -> dict[str, Any]:
    """The schema for editors and other validators: specs/schema/spec.schema.json."""
    return SchemaWriter(catalogue).write()
