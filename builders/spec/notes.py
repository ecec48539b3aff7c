"""What a field's annotation tells besides its type: a `Doc`, and where they apply a bound, a name or a registry.

They stand in `Annotated`, in types.py and in the constructors of registry entries.
"""

from dataclasses import dataclass
from typing import Literal

from common.registry import Range as Range


@dataclass(frozen=True)
class Doc:
    """What a field is for, in one line, as an editor shows it."""

    text: str


@dataclass(frozen=True)
class Pattern:
    """A regular expression that all of a text must match, and what it says in words."""

    expression: str
    hint: str


@dataclass(frozen=True)
class Key:
    """The field's name in a spec, where Python keeps that word for itself."""

    name: str


@dataclass(frozen=True)
class Named:
    """The value is `Name` or `{Name: {arguments}}`, looked up in this kind of the catalogue."""

    kind: Literal[
        "source",
        "backbone",
        "layer",
        "architecture",
        "discriminator",
        "optimizer",
        "schedule",
        "loss",
        "metric",
        "augmentation",
    ]
