"""Entries of registries, read from their source files without running them, as the catalogue holds them."""

import ast
import json
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from builders.spec.annotations import record_of, shape_of, to_plain
from builders.spec.docstrings import argument_docs, first_sentence
from builders.spec.json_shapes import shape_to_json
from builders.spec.keras_types import BASE_LAYER_ARGUMENTS, Activation, Name, stated_type
from builders.spec.shapes import Named, Nothing, Shape, either, options_of
from builders.spec.types import Features
from common.definitions import Definition, ForeignConstructorError, Parameter, SourceClass, definitions
from common.formatting import printable
from common.registry import REGISTRIES
from common.source_code import (
    ROOT,
    KerasLayer,
    OwnKind,
    SourceError,
    SourceFile,
    UnreadableError,
    opened,
    read_source,
    text_of,
)

_FEATURES = ("backbone", "weights", "preprocessing", "taps", "input_size")
_REQUIRED: Any = object()
# Types without the types of their items → what may be written instead.
_BARE = (
    (list, "list[float]"),
    (tuple, "tuple[float, ...]"),
    (dict, "Mapping[str, float]"),
    (Mapping, "Mapping[str, float]"),
)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _words(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(word, str) for word in value)


_TEXT = (lambda value: isinstance(value, str), "text in quotes")
_FLAG = (lambda value: isinstance(value, bool), "True or False")
_OPTIONAL_WORDS = (_words, "a tuple of words, or nothing")
# Kind → class attributes that checks need: whether a value suits, and what suits.
_FACTS: Mapping[str, Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "backbone": {
        "minimum_size": (_count, "a whole number above 0"),
        "differentiable": _FLAG,
        "export_format": (lambda value: isinstance(value, str), "the name of an export format, or nothing"),
    },
    "weights": {"backbone": (lambda value: isinstance(value, str), "the name of a backbone")},
    "discriminator": {"reads": (lambda value: value in ("image", "taps"), "'image' or 'taps'")},
    "metric": {
        "direction": (lambda value: value in ("min", "max"), "'min' or 'max'"),
        "in_training": _FLAG,
        "every_step": _FLAG,
        "window": (_count, "a whole number above 0"),
        "unit": _TEXT,
        "label": _TEXT,
    },
    "loss": {"window": (_count, "a whole number above 0, or nothing"), "needs": _OPTIONAL_WORDS},
    # Loss terms that a layer reports, such as an entropy model its rate.
    "layer": {"terms": _OPTIONAL_WORDS},
    "source": {
        "own_splits": (
            lambda value: isinstance(value, dict) and _words((*value, *value.values())),
            "a mapping from splits to parts, or nothing",
        ),
        "binding_splits": _FLAG,
        "size": (
            lambda value: isinstance(value, tuple) and len(value) == 2 and all(map(_count, value)),
            "(height, width), or nothing",
        ),
    },
}


def tap_code(definition: Definition) -> str:
    """Digest of the code that decides a backbone's taps: of its file and of those it inherits from.

    The base of all backbones is left out: a test reports where the committed taps are not those of today.
    """
    return definition.cls.digest(ROOT / "architectures" / "backbones" / "base.py")


def own_definitions() -> list[Definition]:
    """What the modules of all registries' packages register. Raises SourceError where one cannot be read."""
    files: dict[Path, SourceFile] = {}
    found = []
    for kind, registry in REGISTRIES.items():
        folder = ROOT.joinpath(*str(registry.package).split("."))
        for path in sorted(folder.glob("*.py")):
            if b".register(" in read_source(path):  # most files only help
                found += [item for item in definitions(opened(path, ROOT, files)) if item.kind == kind]
    return found


def read_entry(definition: Definition, keras: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The entry of a definition, as the catalogue holds it.

    Args:
        definition: A class that a file registers.
        keras: Kind → name → entry of Keras' own, whose arguments a class without a constructor inherits.

    Raises:
        SourceError: An argument has no annotation, or an annotation or a constant cannot be read.
    """
    cls = definition.cls
    try:
        file, parameters, constructor_doc = cls.parameters()
    except ForeignConstructorError as error:
        module, _, name = error.base.rpartition(".")
        inherited = (keras or {}).get(definition.kind, {}).get(name)
        if inherited is None or module != f"keras.{definition.kind}s":
            raise
        return {"doc": first_sentence(cls.doc()), "arguments": inherited["arguments"], **_facts(definition)}
    docs = argument_docs(cls.doc(), constructor_doc)
    looks = any(parameter.name == "backbone" for parameter in parameters)
    arguments = {}
    for parameter in parameters:
        shape = _shape(definition, file, parameter, looks)
        arguments[parameter.name] = argument(shape, docs.get(parameter.name, ""), _default(file, parameter))
    if definition.kind == "layer":
        arguments |= base_layer_arguments(arguments)
    return {"doc": first_sentence(cls.doc()), "arguments": arguments, **_facts(definition)}


def argument(shape: Shape, doc: str, default: Any = _REQUIRED) -> dict[str, Any]:
    """An argument as the catalogue holds it. A default that is no plain data is left out."""
    data: dict[str, Any] = {"type": shape_to_json(shape)}
    if doc:
        data["doc"] = doc
    if default is _REQUIRED:
        data["required"] = True
    else:
        plain = to_plain(default)
        if isinstance(plain, str | int | float | bool | list | dict | None):
            data["default"] = plain
    return data


def base_layer_arguments(known: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that every layer takes, without those in `known`."""
    return {
        name: argument(shape_of(annotation), doc, default)
        for name, (annotation, default, doc) in BASE_LAYER_ARGUMENTS.items()
        if name not in known
    }


def _default(file: SourceFile, parameter: Parameter) -> Any:
    if parameter.default is None:
        return _REQUIRED
    try:
        value = file.value(parameter.default)
        json.dumps(to_plain(value), allow_nan=False)
    except (UnreadableError, TypeError, ValueError):
        return NotImplemented  # there is one, which no spec can show
    return value


def _shape(definition: Definition, file: SourceFile, parameter: Parameter, looks: bool) -> Shape:
    """The annotated shape of an argument. Activations and features are what they are everywhere else."""
    if looks and parameter.name in _FEATURES:
        shape = record_of(Features).fields[parameter.name].shape
        given = [option for option in options_of(shape) if not isinstance(option, Nothing)]
        return either(*given) if parameter.default is None else shape
    if definition.kind == "layer" and parameter.name == "name":  # becomes a scope of TensorFlow's graph
        return either(*(option for option in options_of(shape_of(Name)) if not isinstance(option, Nothing)))
    stated = stated_type(definition.cls.node.name, parameter.name) if definition.kind == "optimizer" else None
    if stated is not None:  # an optimizer takes what Keras' own take, a schedule for a rate among them
        return shape_of(stated)
    if parameter.annotation is None:
        raise _mistake(definition, file, parameter, "has no annotation, such as float; add one")
    try:
        annotation = file.value(parameter.annotation)
        if isinstance(annotation, str):  # written in quotes
            annotation = file.value(ast.parse(annotation, mode="eval").body)
        if parameter.name == "activation" and annotation in (str, str | None):
            annotation = Activation if annotation is str else Activation | None
        shape = shape_of(annotation, {KerasLayer: Named("layer"), OwnKind: Named(definition.kind)})
        shape_to_json(shape)
        return shape
    except (UnreadableError, SyntaxError, ValueError, RecursionError, MemoryError):
        text = f"'{text_of(parameter.annotation)}' cannot be read without running the file; write the type out"
        raise _mistake(definition, file, parameter, f"the annotation {text}") from None
    except (TypeError, IndexError):
        options = (annotation, *typing.get_args(annotation))
        hint = next((f"write `{text}`" for bare, text in _BARE for option in options if option is bare), "")
        hint = hint or "expected plain data or a Keras layer"
        text = f"no spec can hold a '{text_of(parameter.annotation)}'; {hint}"
        raise _mistake(definition, file, parameter, text) from None


def _mistake(definition: Definition, file: SourceFile, parameter: Parameter, text: str) -> SourceError:
    line = parameter.annotation.lineno if parameter.annotation is not None else definition.cls.node.lineno
    return SourceError(
        f"{printable(file.path)}:{line}: {definition.kind} '{definition.name}': argument '{parameter.name}': {text}"
    )


def _facts(definition: Definition) -> dict[str, Any]:
    """What checks need to know besides arguments."""
    cls, facts = definition.cls, {}
    for name, (suits, expected) in _FACTS.get(definition.kind, {}).items():
        value = cls.constant(name)
        if value is None and expected.endswith("or nothing"):
            continue
        if not suits(value):
            raise SourceError(
                f"{cls.place}: {definition.kind} '{definition.name}': {name} must be {expected}, got "
                f"{printable(repr(value))[:40]}; set it in the class"
            )
        facts[name] = list(value) if isinstance(value, tuple) else value
    return facts if definition.kind != "source" else _source_facts(cls, facts)


def _source_facts(cls: SourceClass, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a source without its data; None where only the data tell."""
    own_splits = dict(facts.get("own_splits", {}))
    return {
        "labelled": None if _overrides(cls, "labels") else False,
        "parts": (list(own_splits.values()) or None) if _overrides(cls, "part") else [],
        "own_splits": own_splits,
        "binding": facts["binding_splits"],
        "size": facts.get("size"),
    }


def _overrides(cls: SourceClass, method: str) -> bool:
    """Whether a source has a method of its own, not that of the base class of all sources."""
    found = cls.member(method)
    return found is not None and found[0].file.path != ROOT / "builders" / "sources" / "source.py"
