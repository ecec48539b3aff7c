"""Tests of builders.layer_builder."""

import keras
import pytest

from builders.layer_builder import LayerBuilder
from builders.spec import Choice
from common.errors import RequestError


def layer(kind: str, **arguments) -> keras.layers.Layer:
    return LayerBuilder().layers([Choice(kind, arguments)], "decoder")[0]


def through(stack: list[dict], entering):
    builder = LayerBuilder()
    return builder.through(builder.layers(stack, "decoder", "decoder.layers"), entering)


def conv(filters: int, **arguments) -> dict:
    return {"Conv2D": {"filters": filters, "kernel_size": 3, "padding": "same", **arguments}}


def test_names_do_not_depend_on_what_was_built_before():
    stack = [conv(4), {"Residual": {"layers": [conv(4), conv(4)]}}]
    names = []
    for _ in range(2):
        entering = keras.Input((8, 8, 3))
        leaving = through(stack, entering)
        names.append([variable.path for variable in keras.Model(entering, leaving).variables])
    assert names[0] == names[1]
    assert names[0][0] == "decoder_0_conv2d/kernel"
    assert len(set(names[0])) == len(names[0])


def test_a_name_in_the_spec_stays():
    assert layer("Dense", units=3, name="bottleneck").name == "bottleneck"


def test_repeat_gives_each_repetition_its_own_weights():
    layers = LayerBuilder().layers([{"Repeat": {"times": 3, "layers": [conv(3)]}}], "decoder")
    assert len({id(layer) for layer in layers}) == 3
    assert len({layer.name for layer in layers}) == 3


def test_objects_of_keras_are_built_where_keras_takes_them():
    built = layer(
        "Dense",
        units=2,
        kernel_initializer={"RandomNormal": {"stddev": 0.5}},
        kernel_regularizer={"L2": {"l2": 0.25}},
        kernel_constraint={"MaxNorm": {"max_value": 3}},
    )
    assert built.kernel_initializer.stddev == 0.5
    assert float(built.kernel_regularizer.l2) == 0.25
    assert built.kernel_constraint.max_value == 3


def test_a_layer_that_cannot_take_its_input_is_named_with_the_shape():
    with pytest.raises(RequestError, match=r"^decoder\.layers\.1\.Conv2D: cannot take 192: "):
        through([{"Flatten": {}}, conv(2)], keras.Input((8, 8, 3)))


def test_a_layer_that_leaves_nothing_says_so():
    entries = [{"MaxPooling2D": {"pool_size": 2, "strides": 2}}] * 3 + [{"Conv2D": {"filters": 2, "kernel_size": 1}}]
    with pytest.raises(RequestError, match=r"decoder\.layers\.2\.MaxPooling2D.*1×1×3"):
        through(entries, keras.Input((4, 4, 3)))


def test_a_wrapper_holds_the_layer_it_wraps():
    wrapper = layer("SpectralNormalization", layer=conv(4))
    assert wrapper.layer.filters == 4
    assert wrapper.layer.name == "decoder_0_spectralnormalization_conv2d"
