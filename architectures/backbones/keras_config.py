"""The configuration of a Keras model from a file that is not trusted: only known classes, rewritten before Keras reads.

Keras' own loader resolves classes and functions by module and name, and has run code and read files that way
(CVE-2024-3660, CVE-2025-1550, CVE-2025-8747, CVE-2025-9905, CVE-2025-9906). Here a class is looked up in a table of
those that a network is made of, and the entry is written again with the module from that table, so that nothing of the
file decides what is imported.
"""

import importlib
import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import keras

from common.formatting import printable
from common.plugins import import_plugins
from common.registry import REGISTRIES

# These load code from a file or from the text of a configuration.
LOADS_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
# These read vocabularies from files, or take text.
_READS_FILES = ("StringLookup", "IntegerLookup", "TextVectorization", "HashedCrossing", "Hashing")
_OPERATIONS = ("numpy", "nn", "image", "math", "linalg")
# Values that Keras writes as entries of their own.
_VALUES = ("__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__bytes__")
_NUMERIC = re.compile(r"u?int\d+|b?float\d+|float8_\w+|bool|complex\d+")
# Attributes that Keras 2 wrote and Keras 3 refuses; with their only value that Keras 3 supports.
_OF_KERAS_2: Mapping[str, Mapping[str, Any]] = {
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv2D": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "LSTM": {"time_major": False, "implementation": 2},
    "GRU": {"time_major": False, "implementation": 2},
    "SimpleRNN": {"time_major": False},
}
_DEEPEST = 60
_MOST_VALUES = 2_000_000
_MOST_LAYERS, _MOST_CALLS = 5_000, 20_000
_WAY_OUT = "load the plugin that has it (--plugin FILE.py), or export the network as a SavedModel and use saved_model"


class Refused(ValueError):
    """What a configuration may not have; the text follows the file's name."""


def model_of(config: Any) -> keras.Model:
    """Builds the network that an untrusted configuration describes, if it is made of known classes alone.

    Args:
        config: The content of `config.json` of a .keras file, or of `model_config` of a .h5 file.

    Raises:
        Refused: It has a class that may not be loaded, or does not describe a network.
        Exception: Of any kind, from Keras: it is damaged.
    """
    if not isinstance(config, dict) or "class_name" not in config:
        raise Refused("describes no Keras model; save the whole model with model.save")
    model = keras.saving.deserialize_keras_object(_Checker().entry(config, layer=True), safe_mode=True)
    if not isinstance(model, keras.Model):
        raise Refused(f"holds a {type(model).__name__}, not a model; save the whole model with model.save")
    return model


class _Checker:
    """Rewrites a configuration; counts what it has seen."""

    def __init__(self) -> None:
        self.seen = self.layers = self.calls = 0

    def value(self, value: Any, layer: bool = False, depth: int = 0) -> Any:
        """Any part of a configuration; `layer` says whether entries in it are layers."""
        self.seen += 1
        if depth > _DEEPEST:
            raise Refused(f"its configuration is nested more than {_DEEPEST} levels deep")
        if self.seen > _MOST_VALUES:
            raise Refused("its configuration is too large")
        if isinstance(value, list):
            return [self.value(item, layer, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if "class_name" in value:
            return self.entry(value, layer, depth)
        return {key: self.value(item, key in _LAYER_KEYS, depth + 1) for key, item in value.items()}

    def entry(self, entry: dict[str, Any], layer: bool = False, depth: int = 0) -> Any:
        """A class with its configuration."""
        name, config = entry["class_name"], entry.get("config")
        if not isinstance(name, str):
            raise Refused(f"has a class called {_shown(name)}, which is no name")
        if name in _VALUES:
            return self._value_entry(entry, name, config, depth)
        if name == "function":
            return _function(config)
        if isinstance(config, list):  # a Sequential of the first versions of Keras
            config = {"name": name.lower(), "layers": config}
        if not isinstance(config, dict):
            raise Refused(f"has a {_shown(name)} without a configuration")
        place, registered = _resolve(entry, name, config, layer)
        config = dict(config)
        self.layers += place not in ("initializers", "regularizers", "constraints")
        nodes = entry.get("inbound_nodes")
        self.calls += len(nodes) if isinstance(nodes, list) else 0
        if self.layers > _MOST_LAYERS or self.calls > _MOST_CALLS:
            raise Refused(f"has more than {_MOST_LAYERS:,} layers, or more than {_MOST_CALLS:,} calls of layers")
        if place != "operations":
            _without_precision(name, config)
        config = {key: self.value(item, key in _LAYER_KEYS, depth + 1) for key, item in config.items()}
        if place == "layers":
            config = _modern(name, config)
        if name == "Sequential":
            _with_input(entry["config"], config)
        rewritten: dict[str, Any] = {"class_name": registered[1], "module": registered[0], "config": config}
        rewritten["registered_name"] = registered[2]
        for key in ("name", "inbound_nodes", "build_config"):
            if key in entry:
                rewritten[key] = self.value(entry[key], depth=depth + 1)
        if "name" not in rewritten and "name" in config:
            rewritten["name"] = config["name"]
        return rewritten

    def _value_entry(self, entry: dict[str, Any], name: str, config: Any, depth: int) -> dict[str, Any]:
        dtype = config.get("dtype") if isinstance(config, dict) else None
        if dtype is not None and not _NUMERIC.fullmatch(str(dtype)):
            raise Refused(f"has values of type {_shown(dtype)}; a network's are numbers")
        config = {key: self.value(item, depth=depth + 1) for key, item in (config or {}).items()}
        return {"class_name": name, "config": config}


# Where a configuration holds layers rather than initializers and the like.
_LAYER_KEYS = ("layers", "layer", "forward_layer", "backward_layer", "cell", "cells")


@cache
def _tables() -> dict[str, dict[str, type]]:
    """Kind → name → class of everything that a network may be made of."""

    def public(module: Any, base: type, without: tuple[str, ...] = ()) -> dict[str, type]:
        found = {name: getattr(module, name) for name in dir(module) if name not in without}
        return {name: cls for name, cls in found.items() if inspect.isclass(cls) and issubclass(cls, base)}

    operations: dict[str, type] = {}
    for name in _OPERATIONS:
        module = importlib.import_module(f"keras.src.ops.{name}")
        own = public(module, keras.Operation)
        operations |= {key: cls for key, cls in own.items() if cls.__module__ == module.__name__}
    published = importlib.import_module("keras.src.applications.convnext")
    return {
        "models": {"Functional": keras.Model, "Model": keras.Model, "Sequential": keras.Sequential},
        "layers": public(keras.layers, keras.layers.Layer, (*LOADS_CODE, *_READS_FILES)),
        # Layers that networks of keras.applications have and Keras does not export.
        "applications": {"LayerScale": published.LayerScale},
        "initializers": public(keras.initializers, keras.initializers.Initializer),
        "regularizers": public(keras.regularizers, keras.regularizers.Regularizer),
        "constraints": public(keras.constraints, keras.constraints.Constraint),
        "operations": operations,
    }


def _resolve(
    entry: Mapping[str, Any], name: str, config: Mapping[str, Any], layer: bool
) -> tuple[str, tuple[str, str, str | None]]:
    """The kind of an entry, and the module, class name and registered name that Keras is given."""
    module = entry.get("module")
    of_keras = module is None or (isinstance(module, str) and (module == "keras" or module.startswith("keras.")))
    if name in LOADS_CODE or name in ("__lambda__", "__typespec__"):
        raise Refused(f"has a {name.strip('_')}, which runs code that came with the file; {_WAY_OUT}")
    if name in _READS_FILES:
        raise Refused(f"has a {name}, which reads text and may read files; save the part of it that takes images")
    tables = _tables()
    if of_keras:
        for kind in _kinds(module, config, layer):
            if name in tables[kind]:
                return kind, _address(kind, name, tables[kind][name])
    if found := _of_a_plugin(entry.get("registered_name"), name):
        return "plugin", found
    origin = "" if of_keras and module is None else f" of {_shown(module)}"
    raise Refused(f"has a {_shown(name)}{origin}, which is no class of Keras for networks; {_WAY_OUT}")


def _kinds(module: str | None, config: Mapping[str, Any], layer: bool) -> tuple[str, ...]:
    """The tables to look in, the likeliest first."""
    for word in ("initializers", "regularizers", "constraints"):
        if module is not None and word in module:
            return (word,)
    if module is not None and module.startswith("keras.src.ops."):
        return ("operations",)
    if module is not None:
        if module.startswith("keras.src.applications."):
            return ("applications",)
        return ("layers",) if "layers" in module else ("models",) if _OF_MODELS.search(module) else ()
    if not layer:  # an argument of a layer, which may be a layer as well
        return ("initializers", "regularizers", "constraints", "layers")
    # Before Keras 3 an entry had no module; an operation has no settings of a layer.
    return (
        ("models", "operations", "layers")
        if set(config) == {"name"}
        else ("models", "layers", "applications", "operations")
    )


def _address(kind: str, name: str, cls: type) -> tuple[str, str, str | None]:
    if kind == "models":
        return ("keras", "Sequential", None) if name == "Sequential" else (_FUNCTIONAL, "Functional", "Functional")
    if kind in ("operations", "applications"):
        return cls.__module__, name, name
    return f"keras.{kind}", name, None


_OF_MODELS = re.compile(r"^keras$|models|engine")
_FUNCTIONAL = "keras.src.models.functional"


def _of_a_plugin(registered: Any, name: str) -> tuple[str, str, str | None] | None:
    """The class of a plugin, or of this project, that Keras knows under a name."""
    for kind in REGISTRIES:
        import_plugins(kind)
    REGISTRIES["layer"].names()  # the project's own layers
    known = keras.saving.get_custom_objects()
    words = [registered] if isinstance(registered, str) and registered in known else []
    words += [word for word in known if word.rpartition(">")[2] == name]
    for word in words:
        cls = known[word]
        if inspect.isclass(cls) and issubclass(cls, keras.Operation):
            return cls.__module__, cls.__name__, word
    return None


def _function(name: Any) -> str:
    """A function, which can only be an activation of Keras."""
    if isinstance(name, str) and inspect.isfunction(getattr(keras.activations, name, None)):
        return name
    raise Refused(f"calls the function {_shown(name)}, which is no activation of Keras; {_WAY_OUT}")


def _without_precision(name: str, config: dict[str, Any]) -> None:
    """Drops a layer's precision: the spec decides it, as for all networks. Raises Refused for quantised layers."""
    if name == "InputLayer":
        return
    policy = config.pop("dtype", None)
    kind = policy.get("class_name") if isinstance(policy, dict) else policy
    words = [kind, policy.get("config") if isinstance(policy, dict) else ""]
    if config.pop("quantization_config", None) or re.search(r"Quant|int[48]|float8|GPTQ|AWQ", str(words)):
        raise Refused(f"has a quantised {_shown(name)}; save the network before it was quantised")


def _shown(word: Any) -> str:
    return printable(str(word))[:60]


def _modern(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a layer of Keras 2 as Keras 3 takes it."""
    for key, value in _OF_KERAS_2.get(name, {}).items():
        if config.get(key) == value or key == "implementation":
            config.pop(key, None)
    axis = config.get("axis")
    if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    if name != "InputLayer":
        config.pop("batch_input_shape", None)
    return config


def _with_input(original: Any, config: dict[str, Any]) -> None:
    """Gives a stack of Keras 2, whose first layer knew the shape of images, a layer for them."""
    first = original["layers"][0] if isinstance(original, dict) and original.get("layers") else None
    if not isinstance(first, dict) or not isinstance(first.get("config"), dict):
        return
    shape = first["config"].get("batch_input_shape")
    if shape is not None and first["class_name"] != "InputLayer":
        entry = {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}}
        config["layers"].insert(0, {**entry, "module": "keras.layers", "registered_name": None})
