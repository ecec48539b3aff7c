"""The committed part of the catalogue is what Keras and our backbones are today."""

import inspect
import json

import keras
import pytest

from builders import catalogue_builder
from builders.catalogue_builder import LOADS_CODE, build_catalogue, catalogue_text
from builders.spec.annotations import language, shape_of
from builders.spec.catalogue import CATALOGUE_PATH, read_catalogue
from builders.spec.json_shapes import shape_from_json, shape_to_json
from builders.spec.keras_types import ARGUMENTS, Activation
from builders.spec.nodes import from_plain
from builders.spec.problems import Place
from builders.spec.shapes import Anything, options_of
from builders.spec.walker import Walker
from workflows import schema


@pytest.fixture(scope="module")
def fresh() -> dict:
    """The catalogue, built now."""
    return build_catalogue()


@pytest.fixture(scope="module")
def committed() -> dict:
    """The catalogue as committed."""
    return json.loads(CATALOGUE_PATH.read_text(encoding="utf-8"))


def test_the_committed_catalogue_is_fresh(fresh, committed):
    hint = "run `python cli.py schema --keras --write`"
    for kind in fresh.keys() | committed.keys():
        here, there = fresh.get(kind, {}), committed.get(kind, {})
        assert here.keys() == there.keys(), hint
        for name in here:
            assert json.loads(json.dumps(here[name])) == there[name], f"{kind} {name}: {hint}"
    assert catalogue_text(fresh) == CATALOGUE_PATH.read_text(encoding="utf-8"), hint


def test_a_new_argument_of_a_layer_makes_the_committed_files_stale(fresh, monkeypatch):
    original = keras.layers.Dense.__init__

    def with_one_more(self, units, sparkle=0.5, **kwargs):
        original(self, units, **kwargs)

    monkeypatch.setattr(keras.layers.Dense, "__init__", with_one_more)
    entry = catalogue_builder._keras_entry(keras.layers.Dense)
    assert entry["arguments"]["sparkle"] == {"type": "float", "default": 0.5}
    changed = {**fresh, "layer": {**fresh["layer"], "Dense": entry}}
    monkeypatch.setattr(catalogue_builder, "build_catalogue", lambda: changed)
    assert set(schema.stale_files(keras=True)) == {CATALOGUE_PATH, schema.SCHEMA_PATH}


def test_layers_have_one_input_one_output_and_load_no_code(committed):
    layers = committed["layer"]
    for name in (*LOADS_CODE, "Concatenate", "MultiHeadAttention", "InputLayer", "Normalization", "TextVectorization"):
        assert name not in layers
    for name in ("Conv2D", "Dense", "BatchNormalization", "LayerNormalization", "LeakyReLU", "SpectralNormalization"):
        assert name in layers
    assert not any(name.startswith("Convolution") for name in layers), "aliases"


def test_every_argument_is_typed(committed):
    for kind, entries in committed.items():
        for name, entry in entries.items() if kind != "taps" else ():
            for argument, data in entry["arguments"].items():
                shapes = options_of(shape_from_json(data["type"]))
                assert not any(isinstance(shape, Anything) for shape in shapes), f"{kind} {name}.{argument}"


def test_defaults_fit_their_types(committed):
    """Keras' own defaults judge the hand-written table: each must pass the check of a spec."""
    catalogue = read_catalogue(committed)

    def mistakes(tree):
        walker = Walker(catalogue)
        walker.read(from_plain(tree, Place("x", 1, 1)), language())
        return [str(problem) for problem, _ in walker.wrong]

    layers = []
    for name, entry in committed["layer"].items():
        layers.append({name: {key: item["default"] for key, item in entry["arguments"].items() if "default" in item}})
    assert mistakes({"decoder": {"layers": layers}}) == []
    for name, entry in committed["optimizer"].items():
        given = {key: item["default"] for key, item in entry["arguments"].items() if "default" in item}
        assert mistakes({"training": {"optimizer": {name: given}}}) == []


def test_keras_takes_every_word_of_the_table(committed):
    for word in Activation.__args__:
        assert callable(keras.activations.get(word))
    for word in set(dir(keras.activations)) - {"get", "serialize", "deserialize"}:
        assert word.startswith("_") or word in Activation.__args__, f"activation {word} is new"
    for kind, module in (
        ("initializer", keras.initializers),
        ("regularizer", keras.regularizers),
        ("constraint", keras.constraints),
    ):
        for entry in committed[kind].values():
            for word in entry.get("identifiers", ()):
                assert module.get(word) is not None
    for mode in ("bicubic", "bilinear", "lanczos3", "lanczos5", "nearest"):
        keras.layers.UpSampling2D(2, interpolation=mode)
    for mode in ("horizontal", "vertical", "horizontal_and_vertical"):
        keras.layers.RandomFlip(mode)
    for padding in ("valid", "same", "causal"):
        keras.layers.Conv1D(1, 1, padding=padding)


def test_the_table_names_arguments_that_exist():
    classes = [keras.layers, keras.optimizers, keras.optimizers.schedules, keras.initializers, keras.regularizers]
    classes = [
        item for module in (*classes, keras.constraints) for item in vars(module).values() if inspect.isclass(item)
    ]
    known = {cls.__name__: set(inspect.signature(cls.__init__).parameters) for cls in classes}
    everywhere = set().union(*known.values()) | {"name", "trainable", "dtype"}
    for key in ARGUMENTS:
        owner, _, argument = key.rpartition(".")
        assert argument in (known[owner] if owner else everywhere), key


def test_shapes_survive_the_file():
    for annotation in ARGUMENTS.values():
        shape = shape_of(annotation)
        assert shape_from_json(json.loads(json.dumps(shape_to_json(shape)))) == shape
