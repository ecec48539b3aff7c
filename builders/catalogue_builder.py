"""Writes the catalogue: everything a spec can name, from Keras' signatures and our registries.

The only part of the spec language that imports Keras. `python cli.py schema --write` runs it.
"""

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from builders.docstrings import argument_docs, first_line
from builders.keras_types import BASE_LAYER_ARGUMENTS, NOT_IN_SPECS, Activation, stated_type
from builders.sources.source import Source
from builders.spec.annotations import record_of, shape_of, to_plain
from builders.spec.catalogue import CATALOGUE_PATH, shape_to_json
from builders.spec.shapes import Anything, Flag, Named, Nothing, Number, Shape, Text, either, options_of
from builders.spec.types import Features
from common.json_layout import open_layout
from common.registry import REGISTRIES

# These load code from a file or from the text of the spec.
LOADS_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
# These need more than one input, labels beside the image, or objects that no spec can hold.
_OTHER_LAYERS = (
    *("Layer", "Wrapper", "InputLayer", "RNN", "Pipeline", "Dot", "Attention", "AdditiveAttention"),
    *("CutMix", "MixUp", "MaxNumBoundingBoxes", "Hashing", "HashedCrossing", "CategoryEncoding"),
)
# Words for initializers that Keras takes besides those its module lists.
_OTHER_IDENTIFIERS = {"uniform": "RandomUniform", "normal": "RandomNormal"}
_OTHER_OPTIMIZERS = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
_FEATURES = ("backbone", "weights", "taps", "input_size")
_TAP_IMAGE = 224


def build_catalogue() -> dict[str, dict[str, Any]]:
    """The catalogue as JSON data: kind → name → entry."""
    catalogue = {
        "layer": _keras_classes(keras.layers, keras.layers.Layer, (*_OTHER_LAYERS, *LOADS_CODE), _one_in_one_out),
        "optimizer": _keras_classes(keras.optimizers, keras.optimizers.Optimizer, _OTHER_OPTIMIZERS),
        "schedule": _keras_classes(
            keras.optimizers.schedules,
            keras.optimizers.schedules.LearningRateSchedule,
            ("LearningRateSchedule",),
        ),
        "initializer": _keras_objects(keras.initializers, keras.initializers.Initializer),
        "regularizer": _keras_objects(keras.regularizers, keras.regularizers.Regularizer),
        "constraint": _keras_objects(keras.constraints, keras.constraints.Constraint),
    }
    for kind, registry in REGISTRIES.items():
        entries = catalogue.setdefault(kind, {})
        for name, entry in registry.items():
            entries[name] = _registry_entry(kind, entry)
    return {kind: dict(sorted(entries.items())) for kind, entries in sorted(catalogue.items())}


def write_catalogue(path: Path = CATALOGUE_PATH) -> None:
    """Writes the catalogue."""
    path.write_text(catalogue_text(build_catalogue()), encoding="utf-8")


def catalogue_text(catalogue: Mapping[str, Any]) -> str:
    """The catalogue as its file holds it: each argument of each entry on a line."""
    return open_layout(catalogue, levels=4) + "\n"


def _keras_classes(
    module: Any, base: type, excluded: tuple[str, ...], suits: Callable[[type], bool] = lambda cls: True
) -> dict[str, Any]:
    """Entries of the classes of a Keras module, under their own names: Keras' aliases are left out."""
    entries = {}
    for name in dir(module):
        cls = getattr(module, name)
        if not (inspect.isclass(cls) and issubclass(cls, base)) or name != cls.__name__ or name in excluded:
            continue
        if suits(cls):
            entries[name] = _keras_entry(cls)
    return entries


def _one_in_one_out(cls: Any) -> bool:
    parameters = list(inspect.signature(cls.call).parameters.values())[1:]
    required = [parameter for parameter in parameters if parameter.default is parameter.empty and parameter.kind < 2]
    merges = any(parent.__name__ == "Merge" for parent in cls.__mro__)
    return len(required) == 1 and not merges and not hasattr(cls, "adapt")


def _keras_objects(module: Any, base: type) -> dict[str, Any]:
    """Entries of initializers and the like, with the words under which Keras takes them without arguments."""
    entries = _keras_classes(module, base, (base.__name__,))
    words = {word: getattr(module, word).__name__ for word in dir(module) if inspect.isclass(getattr(module, word))}
    for word, name in {**words, **_OTHER_IDENTIFIERS}.items():
        if name in entries and (word == name or word == word.lower()) and _is_known(module, word):
            entries[name].setdefault("identifiers", []).append(word)
    return entries


def _is_known(module: Any, word: str) -> bool:
    # Keras lists some words that it then cannot build without arguments, such as `constant`.
    try:
        return module.get(word) is not None
    except (ValueError, TypeError, KeyError):
        return False


def _keras_entry(cls: type) -> dict[str, Any]:
    docs = argument_docs(cls)
    arguments = {}
    for parameter in _parameters(cls):
        if parameter.name in NOT_IN_SPECS:
            continue
        doc = docs.get(parameter.name, "")
        stated = stated_type(cls.__name__, parameter.name)
        shape = shape_of(stated) if stated is not None else _guess(parameter.default, doc)
        if parameter.default is None:
            shape = either(shape, Nothing())
        arguments[parameter.name] = _argument(shape, doc, parameter.default)
    if issubclass(cls, keras.layers.Layer):
        arguments |= _base_layer_arguments(arguments)
    return {"doc": first_line(cls), "arguments": arguments}


def _base_layer_arguments(known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _argument(shape_of(annotation), doc, default)
        for name, (annotation, default, doc) in BASE_LAYER_ARGUMENTS.items()
        if name not in known
    }


def _guess(default: Any, doc: str) -> Shape:
    """A shape from a default value, where nothing states one."""
    if isinstance(default, bool):
        return Flag()
    if isinstance(default, int | float):
        whole = isinstance(default, int) and re.match(r"(positive )?int", doc, re.IGNORECASE) is not None
        return Number(whole=whole)
    return Text() if isinstance(default, str) else Anything()


def _parameters(cls: Any) -> list[inspect.Parameter]:
    if cls.__init__ is object.__init__:
        return []
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [parameter for parameter in parameters if parameter.kind not in (2, 4)]


def _argument(shape: Shape, doc: str, default: Any) -> dict[str, Any]:
    argument: dict[str, Any] = {"type": shape_to_json(shape)}
    if doc:
        argument["doc"] = doc
    if default is inspect.Parameter.empty:
        argument["required"] = True
    else:
        plain = to_plain(default)
        if isinstance(plain, str | int | float | bool | list | dict | None):
            argument["default"] = plain
    return argument


def _registry_entry(kind: str, entry: Any) -> dict[str, Any]:
    """An entry of one of our registries: a class, or an instance that takes no arguments."""
    built: dict[str, Any] = {"doc": first_line(entry), "arguments": {}}
    if inspect.isclass(entry):
        docs = argument_docs(entry)
        # A constructor inherited from Keras takes only what its base class is told by us, never by a spec.
        parameters = [] if getattr(entry.__init__, "__module__", "").startswith("keras") else _parameters(entry)
        hints = typing.get_type_hints(entry.__init__, include_extras=True) if parameters else {}
        names = {parameter.name for parameter in parameters}
        for parameter in parameters:
            doc = docs.get(parameter.name, "")
            shape = _registry_shape(kind, entry, parameter, hints, "backbone" in names)
            built["arguments"][parameter.name] = _argument(shape, doc, parameter.default)
        if issubclass(entry, keras.layers.Layer):
            built["arguments"] |= _base_layer_arguments(built["arguments"])
    return {**built, **_facts(kind, entry)}


def _registry_shape(
    kind: str, entry: Any, parameter: inspect.Parameter, hints: Mapping[str, Any], looks: bool
) -> Shape:
    """The annotated shape of an argument. Activations and features are what they are everywhere else."""
    if looks and parameter.name in _FEATURES:
        shape = record_of(Features).fields[parameter.name].shape
        given = [option for option in options_of(shape) if not isinstance(option, Nothing)]
        return either(*given) if parameter.default is parameter.empty else shape
    stated = stated_type(entry.__name__, parameter.name) if kind == "optimizer" else None
    if stated is not None:  # our optimizers take what Keras' own take, a schedule for a rate among them
        return shape_of(stated)
    if parameter.name not in hints:
        raise TypeError(
            f"{kind} {entry.__name__}: argument '{parameter.name}' has no annotation; the catalogue needs one"
        )
    annotation = hints[parameter.name]
    if parameter.name == "activation" and annotation in (str, str | None):
        annotation = Activation | None if annotation == str | None else Activation
    try:
        return shape_of(annotation, {keras.layers.Layer: Named("layer")})
    except TypeError as error:
        raise TypeError(f"{kind} {entry.__name__}.{parameter.name}: {error}") from error


def _facts(kind: str, entry: Any) -> dict[str, Any]:
    """What checks need to know besides arguments."""
    if kind == "backbone":
        backbone: Any = entry() if inspect.isclass(entry) else entry
        size = max(_TAP_IMAGE, backbone.minimum_size)
        taps = [tap.name for tap in backbone.taps((size, size, 3))]
        return {"minimum_size": backbone.minimum_size, "taps": taps}
    if kind == "weights":
        return {"backbone": entry.backbone}
    if kind == "discriminator":
        return {"reads": entry.reads}
    if kind == "metric":
        facts = ("in_training", "every_step", "direction", "window")
        return {name: getattr(entry, name) for name in facts}
    if kind == "source":
        return _source_facts(entry)
    if kind == "loss" and hasattr(entry, "window"):
        return {"window": entry.window}
    # A layer may report loss terms, such as an entropy model its rate; a loss may need a part of the spec.
    words = {name: getattr(entry, name, None) for name in ("terms", "needs") if kind in ("layer", "loss")}
    return {name: list(value) for name, value in words.items() if isinstance(value, tuple) and value}


def _source_facts(entry: type[Source]) -> dict[str, Any]:
    """What is known of a source without its data; None where only the data tell."""
    own_splits = dict(entry.own_splits) if isinstance(entry.own_splits, Mapping) else {}
    parts: list[str] | None = list(own_splits.values()) or None
    if entry.part is Source.part:
        parts = []
    return {
        "labelled": False if entry.labels is Source.labels else None,
        "parts": parts,
        "own_splits": own_splits,
        "binding": entry.binding_splits is True,
        "size": list(entry.size) if isinstance(entry.size, tuple) else None,
    }
