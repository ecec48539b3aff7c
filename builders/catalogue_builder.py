"""Writes the committed part of the catalogue: Keras' classes with their arguments, and the taps of our backbones.

The only part of the spec language that imports Keras. `python cli.py schema --keras --write` runs it.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras

from architectures.backbones.keras_config import LOADS_CODE
from builders.spec.annotations import shape_of
from builders.spec.docstrings import argument_docs, first_sentence
from builders.spec.entries import argument, base_layer_arguments, own_definitions, read_entry, tap_code
from builders.spec.keras_types import NOT_IN_SPECS, stated_type
from builders.spec.shapes import Anything, Flag, Nothing, Number, Shape, Text, either
from common.definitions import Definition
from common.files import open_layout
from common.registry import BACKBONES

# These need more than one input, labels beside the image, or objects that no spec can hold.
_OTHER_LAYERS = (
    *("Layer", "Wrapper", "InputLayer", "RNN", "Pipeline", "Dot", "Attention", "AdditiveAttention"),
    *("CutMix", "MixUp", "MaxNumBoundingBoxes", "Hashing", "HashedCrossing", "CategoryEncoding"),
)
# Words for initializers that Keras takes besides those its module lists.
_OTHER_IDENTIFIERS = {"uniform": "RandomUniform", "normal": "RandomNormal"}
_OTHER_OPTIMIZERS = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
_TAP_IMAGE = 224


def build_catalogue() -> dict[str, dict[str, Any]]:
    """Keras' part of the catalogue as JSON data: kind → name → entry; and `taps`: backbone → its taps."""
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
        "taps": {item.name: _taps(item) for item in own_definitions() if item.kind == "backbone" and _known(item)},
    }
    return {kind: dict(sorted(entries.items())) for kind, entries in sorted(catalogue.items())}


def catalogue_text(catalogue: Mapping[str, Any]) -> str:
    """The catalogue as its file holds it: each argument of each entry on a line."""
    return open_layout(catalogue, levels=4) + "\n"


def _known(definition: Definition) -> bool:
    """Whether a backbone is one network, not one that the user's file describes."""
    return not any(argument.get("required") for argument in read_entry(definition)["arguments"].values())


def _taps(definition: Definition) -> dict[str, Any]:
    """The taps of a backbone, and the digest of the code that has them."""
    backbone = BACKBONES.get(definition.name)()
    side = max(_TAP_IMAGE, backbone.minimum_size)
    size = backbone.input_size or (side, side)
    return {"code": tap_code(definition), "names": [tap.name for tap in backbone.taps((*size, 3))]}


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


def _keras_entry(cls: Any) -> dict[str, Any]:
    doc = inspect.getdoc(cls) or ""
    docs = argument_docs(doc, inspect.getdoc(cls.__init__) or "")
    arguments = {}
    for parameter in _parameters(cls):
        if parameter.name in NOT_IN_SPECS:
            continue
        text = docs.get(parameter.name, "")
        stated = stated_type(cls.__name__, parameter.name)
        shape = shape_of(stated) if stated is not None else _guess(parameter.default, text)
        if parameter.default is None:
            shape = either(shape, Nothing())
        default = () if parameter.default is parameter.empty else (parameter.default,)
        arguments[parameter.name] = argument(shape, text, *default)
    if issubclass(cls, keras.layers.Layer):
        arguments |= base_layer_arguments(arguments)
    return {"doc": first_sentence(doc), "arguments": arguments}


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
