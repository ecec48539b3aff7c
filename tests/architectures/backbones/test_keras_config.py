"""Tests of architectures.backbones.keras_config: classes and functions that are no part of a network are refused."""

import json
import re

import h5py
import pytest

from architectures.backbones.keras_file import KerasFile
from tests.architectures.backbones.test_keras_file import gadget, grey, refused, rewritten, with_layer


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wAAAA==", "defaults": None, "closure": None}}
HOSTILE = {
    "lambda": (gadget("keras.layers", "Lambda", name="l", function=LAMBDA), "has a Lambda, which runs code"),
    "saved model": (gadget("keras.layers", "TFSMLayer", filepath="/etc"), "has a TFSMLayer, which runs code"),
    "torch": (gadget("keras.layers", "TorchModuleWrapper", module="AAAA"), "has a TorchModuleWrapper"),
    "vocabulary": (gadget("keras.layers", "StringLookup", vocabulary="/etc/passwd"), "has a StringLookup, which reads"),
    "text": (gadget("keras.layers", "TextVectorization", vocabulary="/etc/passwd"), "has a TextVectorization"),
    "download": (gadget("keras.utils", "get_file", fname="a", origin="http://a/"), "has a get_file of keras.utils"),
    "any module": (gadget("os", "system", command="true"), "has a system of os"),
    "disguised": (gadget("subprocess", "Dense", units=2), "has a Dense of subprocess"),
    "typespec": (
        {"class_name": "__typespec__", "spec_name": "Popen", "module": "subprocess", "config": []},
        "typespec",
    ),
    "own class": (gadget("mine", "Attention9", name="a"), "Attention9 of mine, .*--plugin FILE.py.*SavedModel"),
    "nested": (gadget("keras.layers", "TimeDistributed", layer=gadget("keras.layers", "Lambda")), "has a Lambda"),
    "ours": (gadget("keras", "Repeat", layers=[gadget("keras.layers", "Lambda")], times=1), "has a Lambda"),
    "text of numbers": (
        gadget(
            "keras.layers",
            "Dense",
            units={"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "S999999999"}},
        ),
        "values of type S9",
    ),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["keras", "h5"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_classes_that_are_not_a_networks_are_refused(kind, legacy, tmp_path):
    entry, message = HOSTILE[kind]
    path = tmp_path / ("n.h5" if legacy else "n.keras")
    grey().save(path)
    if legacy:
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            with_layer(config, **entry)
            file.attrs["model_config"] = json.dumps(config)
    else:
        rewritten(path, lambda config: with_layer(config, **entry))
    assert re.search(message, refused(path))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("os", "system"),
        ("keras.utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"),
    ],
)
@pytest.mark.parametrize("key", ["activation", "kernel_initializer", "kernel_regularizer", "kernel_constraint"])
def test_functions_that_are_no_activations_are_refused(key, module, name, tmp_path):
    grey().save(tmp_path / "n.keras")
    rewritten(
        tmp_path / "n.keras",
        lambda config: config["config"]["layers"][1]["config"].update({key: function(module, name)}),
    )
    assert f"calls the function {name}" in refused(tmp_path / "n.keras")


def test_compile_settings_are_never_read(tmp_path):
    network = grey()
    network.compile("adam", "mse")
    network.save(tmp_path / "n.keras")
    rewritten(tmp_path / "n.keras", lambda config: config.update(compile_config=gadget("os", "system")))
    assert len(KerasFile(str(tmp_path / "n.keras")).taps((28, 28, 1))) == 4
