"""Entries read from source files equal those that importing and inspecting them gives."""

import inspect
import json
import typing
from pathlib import Path

import keras
import pytest

from architectures.metrics.metric import Metric
from builders.sources.source import Source
from builders.spec.annotations import record_of, shape_of
from builders.spec.catalogue import committed_part, load_catalogue
from builders.spec.docstrings import argument_docs, first_sentence
from builders.spec.entries import argument, base_layer_arguments, own_definitions, read_entry
from builders.spec.json_shapes import shape_from_json, shape_to_json
from builders.spec.keras_types import Activation, Name, stated_type
from builders.spec.shapes import Anything, Named, Nothing, either, options_of
from builders.spec.types import Features
from builders.spec.values import Choice
from common.definitions import definitions
from common.registry import REGISTRIES
from common.source_code import SourceError, SourceFile

OWN = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry.names()]
FACTS = {
    "backbone": ("minimum_size", "differentiable", "export_format"),
    "weights": ("backbone",),
    "discriminator": ("reads",),
    "metric": ("in_training", "every_step", "direction", "window", "unit", "label"),
}
HEAD = "import keras\nfrom typing import Literal\nfrom common.registry import LOSSES, LAYERS, METRICS, SOURCES, Range\n"


@pytest.fixture
def read(tmp_path):
    """Reads the one entry of a source text."""

    def read_text(text, name="plugin.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + text)
        [definition] = definitions(SourceFile(path, tmp_path, {}))
        return {"kind": definition.kind, "name": definition.name, **read_entry(definition, committed_part())}

    return read_text


def inspected(kind, entry):
    """What `read_entry` should find, from the imported class."""
    parameters = []
    if entry.__init__ is not object.__init__ and not entry.__init__.__module__.startswith("keras"):
        parameters = [item for item in inspect.signature(entry).parameters.values() if item.kind not in (2, 4)]
    hints = typing.get_type_hints(entry.__init__, include_extras=True) if parameters else {}
    docs = argument_docs(inspect.getdoc(entry), inspect.getdoc(entry.__init__) or "")
    arguments = {}
    for item in parameters:
        default = () if item.default is item.empty else (item.default,)
        shape = shape_in(kind, entry, item, hints, "backbone" in hints)
        arguments[item.name] = argument(shape, docs.get(item.name, ""), *default)
    if kind == "layer":
        arguments |= base_layer_arguments(arguments)
    facts = {name: getattr(entry, name) for name in FACTS.get(kind, ()) if getattr(entry, name) is not None}
    if kind == "source":
        facts = source_facts(entry)
    if kind in ("loss", "layer"):
        facts = {name: list(getattr(entry, name)) for name in ("terms", "needs") if getattr(entry, name, None)}
        facts |= {"window": entry.window} if hasattr(entry, "window") else {}
    return {"doc": first_sentence(inspect.getdoc(entry)), "arguments": arguments, **facts}


def shape_in(kind, entry, item, hints, looks):
    if looks and item.name in ("backbone", "weights", "preprocessing", "taps", "input_size"):
        shape = record_of(Features).fields[item.name].shape
        given = [option for option in options_of(shape) if not isinstance(option, Nothing)]
        return either(*given) if item.default is item.empty else shape
    if kind == "layer" and item.name == "name":
        return either(*(option for option in options_of(shape_of(Name)) if not isinstance(option, Nothing)))
    if kind == "optimizer" and (stated := stated_type(entry.__name__, item.name)) is not None:
        return shape_of(stated)
    annotation = hints[item.name]
    if item.name == "activation" and annotation in (str, str | None):
        annotation = Activation if annotation is str else Activation | None
    return shape_of(annotation, {keras.layers.Layer: Named("layer"), Choice: Named(kind)})


def source_facts(entry):
    own_splits = dict(entry.own_splits) if isinstance(entry.own_splits, dict) else {}
    return {
        "labelled": False if entry.labels is Source.labels else None,
        "parts": [] if entry.part is Source.part else list(own_splits.values()) or None,
        "own_splits": own_splits,
        "binding": entry.binding_splits is True,
        "size": list(entry.size) if isinstance(entry.size, tuple) else None,
    }


@pytest.mark.parametrize(("kind", "name"), OWN, ids=lambda text: text)
def test_reading_an_entry_finds_what_importing_it_would(kind, name):
    data = load_catalogue().data()[kind][name]
    data.pop("taps", None)
    assert json.loads(json.dumps(data)) == json.loads(json.dumps(inspected(kind, REGISTRIES[kind].get(name))))


def test_the_files_register_what_the_registries_hold():
    assert sorted((item.kind, item.name) for item in own_definitions()) == sorted(OWN)
    assert all(set(registry.names()) <= set(load_catalogue().names(kind)) for kind, registry in REGISTRIES.items())


def test_every_argument_is_typed_and_described():
    catalogue = load_catalogue().data()
    for kind, name in OWN:
        entry = catalogue[kind][name]
        assert entry["doc"], f"{kind} {name} has no docstring"
        for key, data in entry["arguments"].items():
            shapes = options_of(shape_from_json(data["type"]))
            assert not any(isinstance(shape, Anything) for shape in shapes), f"{kind} {name}.{key}"
            assert data.get("doc"), f"{kind} {name}.{key} has no line under Args:"


def test_backbones_list_their_taps_and_sizes():
    catalogue = load_catalogue().data()
    assert "block2_conv2" in catalogue["backbone"]["vgg16"]["taps"]
    hint = "run `python cli.py schema --keras --write`"
    networks = {
        name: entry for name, entry in catalogue["backbone"].items() if not {"path", "preset"} & {*entry["arguments"]}
    }
    assert all(entry["minimum_size"] > 0 and entry.get("taps") for entry in networks.values()), hint
    assert catalogue["weights"]["hed_bsds500"]["backbone"] == "vgg16"
    assert catalogue["source"]["photos"]["labelled"] is False


def test_a_file_is_read_with_what_it_imports_and_inherits(read, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "kinds.py").write_text(
        "LARGE = 2**4 - 1\nfrom typing import Literal\nKind = Literal['a', 'b']\n"
    )
    entry = read(
        "from .kinds import LARGE\nfrom package.kinds import Kind\n"
        "from keras.layers import Layer\n"
        "class Base(keras.losses.Loss):\n"
        "    window = LARGE\n"
        "    def __init__(self, shine: 'float' = 0.5, *, kind: Kind, many: list[Layer] = (), \n"
        "                 activation: str = 'relu', odd: int | None = max(1, 2), **kwargs): ...\n"
        "@LOSSES.register('sparkling')\n"
        "class Sparkling(Base):\n"
        '    """A loss that sparkles. Nothing else.\n\n    Args:\n        shine: How much, from 0 to 1.\n    """\n',
        "package/entries.py",
    )
    arguments = entry.pop("arguments")
    assert entry == {"kind": "loss", "name": "sparkling", "doc": "A loss that sparkles.", "window": 15}
    assert arguments["shine"] == {"type": "float", "doc": "How much, from 0 to 1.", "default": 0.5}
    assert arguments["kind"] == {"type": {"words": ["a", "b"]}, "required": True}
    assert arguments["many"] == {"type": {"list": {"choice": "layer"}}, "default": []}
    assert arguments["activation"]["type"] == {"words": list(Activation.__args__)}
    assert arguments["odd"] == {"type": ["int", "null"]}


def test_reading_runs_no_code(read, tmp_path):
    text = (
        "open('ran', 'w')\n@LOSSES.register('quiet')\n"
        "class Quiet(keras.losses.Loss):\n    '''Nothing.'''\n    open('ran', 'w')\n"
        "    def __init__(self, a: int = open('ran', 'w'), b: int = 9**9**9, c: str = 'x' * 10**12): ...\n"
    )
    assert read(text)["arguments"] == {"a": {"type": "int"}, "b": {"type": "int"}, "c": {"type": "str"}}
    assert not Path("ran").exists() and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("imports", "base"),
    [
        ("import architectures.losses.charbonnier as base", "base.Charbonnier"),
        ("import architectures.losses.charbonnier", "architectures.losses.charbonnier.Charbonnier"),
        ("from architectures.losses import charbonnier", "charbonnier.Charbonnier"),
        ("from architectures.losses.charbonnier import Charbonnier as Base", "Base"),
    ],
)
def test_a_constructor_is_inherited_from_a_readable_module(read, imports, base):
    entry = read(f"{imports}\n@LOSSES.register('x')\nclass X({base}):\n    '''One.'''\n")
    assert entry["arguments"]["epsilon"]["default"] == 0.001


def test_a_constructor_is_inherited_from_a_layer_of_keras(read):
    entry = read("@LAYERS.register('MyConv')\nclass MyConv(keras.layers.Conv2D):\n    '''One.'''\n")
    assert entry["arguments"] == committed_part()["layer"]["Conv2D"]["arguments"]


@pytest.mark.parametrize("base", ["keras.losses.Loss", "object", "Generic[T]"])
def test_base_classes_without_arguments(read, base):
    head = "from typing import Generic, TypeVar\nT = TypeVar('T')\n"
    assert read(f"{head}@LOSSES.register('x')\nclass X({base}):\n    '''One.'''\n")["arguments"] == {}


def test_files_that_import_a_name_from_each_other_end(read, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "other.py").write_text("from .entries import Base\n")
    with pytest.raises(SourceError, match="which is not read"):
        read("from .other import Base\n@LOSSES.register('x')\nclass X(Base): ...\n", "package/entries.py")


INIT = "    def __init__(self, size{}, **kwargs): ...\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format("=3"), "argument 'size': has no annotation"),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": made()"), "'made()' cannot be read without running"),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": set"), "'set' cannot be read without running"),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": '\\0'"), "cannot be read without running"),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": dict"), "'dict'; write `Mapping[str, float]`"),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": list"), "can hold a 'list'; write `list[float]`"),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": tuple | None"), "; write `tuple[float, ...]`"),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": b''"), "; expected plain data or a Keras layer"),
        ("@LOSSES.register(name='x')\nclass X: ...\n", "give the name as the first argument, as in register("),
        ("@LOSSES.register(name())\nclass X: ...\n", "class X: expected a name in quotes"),
        ("@LOSSES.register('a\\nb')\nclass X: ...\n", "class X: expected a name in quotes"),
        ("@METRICS.register('x')\nclass X: ...\n", "metric 'x': direction must be 'min' or 'max'"),
        (
            "@METRICS.register('x')\nclass X:\n    direction = 'max'\n    in_training = every_step = True\n    "
            "window = 1\n    unit = 3\n",
            "unit must be text in quotes",
        ),
        (
            "@METRICS.register('x')\nclass X:\n    direction = 'ma' + 'x'\n",
            "`'ma' + 'x'` is not a constant; write the value itself",
        ),
        (
            "@LOSSES.register('x')\nclass X:\n    window = b'1'\n",
            "window must be a whole number above 0, or nothing, got b'1'",
        ),
        ("@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": tuple[()]"), "no spec can hold a 'tuple[()]'"),
        ("@LOSSES.register('x')\nclass X:\n    window = made()\n", "X.window is read without running the file"),
        ("@LOSSES.register('x'\nclass X: ...\n", "'(' was never closed"),
        ("@LOSSES.register('x')\nclass X:\n    window = " + "-" * 9000 + "1\n", "nested too deeply"),
        ("\0", "null bytes"),
        (
            "@LOSSES.register('x')\nclass X(keras.losses.Huber): ...\n",
            "is in keras.losses.Huber, which is not read; write",
        ),
        ("@LAYERS.register('x')\nclass X(Made, keras.layers.Conv2D): ...\n", "is in Made, which is not read"),
        (
            "from dataclasses import dataclass\n@LOSSES.register('x')\n@dataclass\nclass X:\n    amount: float\n",
            "class X: its constructor is not written out",
        ),
        ("@LOSSES.register('x')\nclass X:\n    if 1:\n        def __init__(self): ...\n", "is not written out"),
        (
            "from collections.abc import NotThere\n@LOSSES.register('x')\nclass X(Y):\n" + INIT.format(": NotThere"),
            "plugin.py:7: loss 'x': argument 'size': the annotation 'NotThere' cannot be read",
        ),
        ("A = {}\n@SOURCES.register('x')\nclass X:\n    own_splits = {**A, 'a': 'b'}\n", "is not a constant"),
        ("A = 3\nA += 1\n@LOSSES.register('x')\nclass X:\n    window = A\n", "`A` is not a constant"),
        (
            "if keras:\n    A = 1\nelse:\n    A = 2\n@LOSSES.register('x')\nclass X:\n    window = A\n",
            "`A` is not a constant",
        ),
        (
            "try:\n    A = 1\nexcept OSError:\n    A = 2\n@LOSSES.register('x')\nclass X:\n    window = A\n",
            "`A` is not a constant",
        ),
        ("float = made()\nfloat = 1\n@LOSSES.register('x')\nclass X:\n" + INIT.format(": float"), "cannot be read"),
        ("@LOSSES.register('x')\nclass X:\n    window = 3\n    window += 1\n", "X.window is read without running"),
        ("@LOSSES.register('x')\nclass X:\n    if 1:\n        window = 3\n", "set under a condition or more than once"),
    ],
)
def test_what_cannot_be_read_is_reported_with_its_line(read, tmp_path, text, message):
    with pytest.raises(SourceError) as error:
        read(text)
    assert message in str(error.value) and str(error.value).startswith(str(tmp_path)) and "\n" not in str(error.value)


def test_comments_layout_and_docstrings_do_not_change_a_digest(tmp_path):
    def digest(text):
        (tmp_path / "x.py").write_text(text)
        return next(iter(definitions(SourceFile(tmp_path / "x.py", tmp_path, {})))).cls.digest(besides=tmp_path)

    head = "from common.registry import BACKBONES\n\n\n@BACKBONES.register('x')\nclass X:\n"
    before = digest(head + "    '''One.'''\n    size = 3\n")
    assert digest(head + "    '''Two.'''\n\n    size = (3)  # three\n") == before
    assert digest(head + "    '''One.'''\n    size = 4\n") != before


def test_defaults_of_metrics_and_sources_come_from_their_base_classes():
    facts = load_catalogue().entry("metric", "mse").facts
    assert facts["in_training"] is Metric.in_training and facts["window"] == Metric.window
    assert load_catalogue().entry("source", "digits").facts["size"] == [28, 28]


def test_shapes_survive_as_json():
    for kind in load_catalogue().kinds:
        for name in load_catalogue().names(kind):
            for field in load_catalogue().entry(kind, name).arguments.fields.values():
                assert shape_from_json(json.loads(json.dumps(shape_to_json(field.shape)))) == field.shape
