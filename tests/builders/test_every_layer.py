"""Every layer of the catalogue with drawn arguments: each trains a step, or is refused in placed lines."""

import random
import re
import warnings
from zlib import crc32

import numpy as np
import pytest
import tensorflow as tf
import yaml

from builders.spec import load_spec
from builders.spec.catalogue import load_catalogue
from builders.spec.shapes import Anything, Flag, Items, Named, Nothing, Number, Text, Words, options_of
from common.errors import RequestError
from workflows.command_line import placed
from workflows.network import structure
from workflows.training.trainer import Trainer

CATALOGUE = load_catalogue()
SIDE = 8
PLACED = re.compile(r"\S+\.yaml:\d+:\d+: [a-z]\S*: \S.*")
# What a layer may be given, by the number of axes without the batch.
RESHAPED = {1: [192], 2: [16, 12], 3: [8, 8, 3], 4: [4, 4, 4, 3]}
# Objects that suit any argument of their kind.
EXAMPLES = {
    "initializer": ["zeros", "he_normal"],
    "regularizer": ["l2"],
    "constraint": [{"MaxNorm": {}}],
    "layer": [{"Dense": {"units": 3}}, {"Conv2D": {"filters": 2, "kernel_size": 1}}, {"PReLU": {"shared_axes": [2]}}],
}
SMALL = ([{"Dense": {"units": 3}}], [{"Dropout": {"rate": 0.5}}], [{"Softmax": {"axis": 1}}])


def number(shape: Number, draw: random.Random, wild: bool) -> float:
    if wild:
        return draw.choice([-3, -1, 0, 1, 5, 7, 99]) if shape.whole else draw.choice([-1.0, 0.0, 0.3, 1.0, 4.5, 1e9])
    least = max(1 if shape.whole else 0.1, shape.minimum or 0, (shape.above or 0) + 0.1)
    most = min(shape.maximum if shape.maximum is not None else 3, (shape.below or 4) - 0.1)
    return draw.randint(int(least), max(int(least), int(most))) if shape.whole else round(draw.uniform(least, most), 2)


def value(shape, draw: random.Random, wild: bool):
    """Something of a shape; `wild`: of its type, but perhaps out of range or of the wrong length."""
    shape = draw.choice(list(options_of(shape)))
    if isinstance(shape, Number):
        return number(shape, draw, wild)
    if isinstance(shape, Flag):
        return draw.random() < 0.5
    if isinstance(shape, Words):
        return draw.choice(shape.values)
    if isinstance(shape, Items):
        count = draw.randint(0, 5) if wild else draw.randint(shape.minimum, shape.maximum or max(shape.minimum, 3))
        return [value(shape.item, draw, wild) for _ in range(count)]
    if isinstance(shape, Named):
        return draw.choice(EXAMPLES[shape.kind])
    if isinstance(shape, Text):
        return draw.choice(["abc,cd->abd", "ab,bc->ac", "abc,ad->dbc", "a"]) if shape.pattern is None else "name"
    return None if isinstance(shape, Nothing | Anything) else {}


def arguments_of(name: str, draw: random.Random) -> dict:
    wild = draw.random() < 0.4
    fields = CATALOGUE.entry("layer", name).arguments.fields
    given = {
        key: value(field.shape, draw, wild and draw.random() < 0.5)
        for key, field in fields.items()
        if field.required or (draw.random() < 0.25 and not isinstance(field.shape, Anything))
    }
    if "layers" in given:
        given["layers"] = draw.choice(SMALL)
    if name == "Bidirectional" and draw.random() < 0.7:
        given["layer"] = {"LSTM": {"units": 2}}
    if "branches" in given:
        given["branches"] = [draw.choice(SMALL) for _ in range(draw.randint(1, 3))]
    return given


def spec_of(name: str, draw: random.Random) -> dict:
    rank = next((int(digit) + 1 for digit in "123" if f"{digit}D" in name), draw.choice([1, 2, 3, 3, 4]))
    stack = [{"Reshape": {"target_shape": RESHAPED[rank]}}, {name: arguments_of(name, draw)}]
    if draw.random() < 0.5:
        stack.insert(0, {"Conv2D": {"filters": 3, "kernel_size": 1}})
    ending = [{"Flatten": {}}, {"Dense": {"units": SIDE * SIDE * 3}}, {"Reshape": {"target_shape": [SIDE, SIDE, 3]}}]
    return {
        "version": 1,
        "dataset": {
            "source": "photos",
            "image": {"size": SIDE},
            "split": {"train": 8, "validation": 4},
            "batch_size": 4,
            "shuffle": False,
        },
        "encoder": {"layers": stack},
        "decoder": {"layers": ending},
        "loss": {"mse": 1},
        "metrics": ["mse"],
        "training": {"epochs": 1, "optimizer": "SGD", "precision": draw.choice(["float32", "mixed_bfloat16"])},
    }


def outcome(path, compiled: bool) -> str:
    """`trained`, or what `check`, `show` or the training refuse the spec with."""
    try:
        loaded = load_spec(path)
    except RequestError as error:
        return str(error)
    try:
        step(loaded, compiled)
    except RequestError as error:
        if "would never learn" not in str(error):  # for that the training looks at images of its own
            with pytest.raises(RequestError) as shown:
                show(loaded)
            assert str(shown.value) == str(error)
        return str(error)
    if compiled:
        show(loaded)
    return "trained"


def show(loaded) -> None:
    with placed(loaded):
        structure(loaded.spec, (SIDE, SIDE, 3), tried=True)


def step(loaded, compiled: bool) -> None:
    trainer = Trainer(loaded, verbose=0)
    if compiled:
        trainer.rehearse()
        return
    images = trainer.train_split.images(np.arange(4))
    loss = trainer.model.train_step({"image": tf.convert_to_tensor(images)})["loss"]
    assert np.isfinite(loss)


def try_layer(name: str, tmp_path, cases: int, compiled: bool = False) -> int:
    """How many of some specs with a layer were trained; all others are refused as they should be."""
    trained = 0
    for case in range(cases):
        draw = random.Random(crc32(f"{name} {case}".encode()))
        path = tmp_path / f"{case}.yaml"
        text = yaml.safe_dump(spec_of(name, draw), sort_keys=False)
        path.write_text(text)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                said = outcome(path, compiled)
            except Exception as error:
                raise AssertionError(f"{type(error).__name__}: {error}\n{text}") from error
        trained += said == "trained"
        for line in said.splitlines():
            assert line == "trained" or PLACED.fullmatch(line), f"{line}\n{text}"
            assert not re.search(r"Traceback|\{\{|Arguments received|\x1b|Error: *$", line), line
    return trained


@pytest.mark.parametrize("name", CATALOGUE.names("layer"))
def test_a_layer_trains_or_is_refused_in_placed_lines(name, tmp_path, capfd):
    try_layer(name, tmp_path, cases=2)
    assert "WARNING" not in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOGUE.names("layer"))
def test_as_a_run_would_train_it(name, tmp_path, capfd):
    try_layer(name, tmp_path, cases=12, compiled=True)
    assert "WARNING" not in capfd.readouterr().err
