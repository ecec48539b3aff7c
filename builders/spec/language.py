"""The spec language as one shape: the keys of Spec, and those that are used up while reading."""

from functools import lru_cache

from builders.spec.annotations import record_of
from builders.spec.shapes import Anything, Field, Record, Table, Text
from builders.spec.types import Spec

# Keys that only one file says, and that no other file inherits from it.
NOT_INHERITED = ("name", "description", "expected")
# Keys that are used up while reading.
READING = ("$schema", "extends", "variables")


@lru_cache(maxsize=1)
def language() -> Record:
    """The shape of a whole spec file."""
    spec = record_of(Spec)
    fields = {
        "$schema": Field(Text(), "Path of the JSON Schema, for editors."),
        "extends": Field(Text(), "A spec this one inherits from; its path is relative to this file."),
        "variables": Field(
            Table(Anything()), "Values with names: `$name` stands for the value, `${name}` inside text."
        ),
    }
    return Record("Spec", {**fields, **spec.fields}, spec.doc)
