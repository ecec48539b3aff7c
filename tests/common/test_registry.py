"""Registries: names, suggestions, and files that register themselves by being there."""

import importlib
import subprocess
import sys

import pytest

from common.registry import REGISTRIES, Registry, UnknownEntryError, did_you_mean, nearest


@pytest.fixture
def fruits():
    registry = Registry("fruit")
    for name in ("apple", "pear", "passion_fruit"):
        registry.register(name)(name.upper())
    return registry


def test_entries_are_found_under_their_names_in_sorted_order(fruits):
    assert fruits.get("pear") == "PEAR"
    assert fruits.names() == ["apple", "passion_fruit", "pear"]
    assert next(fruits.items()) == ("apple", "APPLE")
    assert "pear" in fruits and "plum" not in fruits


def test_a_name_taken_twice_is_an_error_that_shows_both(fruits):
    with pytest.raises(ValueError, match="fruit 'pear' is registered twice: 'PEAR' and 'NASHI'"):
        fruits.register("pear")("NASHI")
    assert fruits.get("pear") == "PEAR"


def test_registering_returns_the_entry_itself(fruits):
    class Plum:
        pass

    assert fruits.register("plum")(Plum) is Plum


def test_an_unknown_name_gets_the_nearest_one(fruits):
    with pytest.raises(UnknownEntryError) as error:
        fruits.get("aple")
    assert str(error.value) == "unknown fruit 'aple'; did you mean 'apple'?"


def test_an_unknown_name_near_nothing_lists_all(fruits):
    with pytest.raises(UnknownEntryError) as error:
        fruits.get("xyzzy")
    assert str(error.value) == "unknown fruit 'xyzzy'; known: apple, passion_fruit, pear"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("PassionFruit", "passion_fruit"),  # case and underscores do not count
        ("passoin_fruit", "passion_fruit"),  # a swap is one mistake
        ("passion", "passion_fruit"),  # a beginning
        ("conv_2d", None),  # nothing is near
    ],
)
def test_nearest(word, meant):
    assert nearest(word, ["apple", "passion_fruit", "pear"]) == ([meant] if meant else [])


def test_nearest_returns_as_many_as_asked_best_first():
    layers = ["block1_conv1", "block1_conv2", "block2_conv2", "fc1"]
    assert nearest("block1_conv3", layers, count=3)[:2] == ["block1_conv1", "block1_conv2"]
    assert did_you_mean("qqq", layers) == ""


@pytest.fixture
def orchard(tmp_path, monkeypatch):
    """An empty package, and a registry of its modules."""
    package = tmp_path / "orchard"
    package.mkdir()
    (package / "__init__.py").write_text("from common.registry import Registry\nTREES = Registry('tree', 'orchard')\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "orchard"]:
        del sys.modules[name]


def test_a_file_in_the_package_registers_itself_on_first_use(orchard):
    (orchard / "oak.py").write_text("from orchard import TREES\n\n@TREES.register('oak')\nclass Oak:\n    'A tree.'\n")
    trees = importlib.import_module("orchard").TREES
    assert "orchard.oak" not in sys.modules
    assert trees.names() == ["oak"] and trees.get("oak").__doc__ == "A tree."


def test_a_broken_file_is_reported_each_time(orchard):
    (orchard / "bad.py").write_text("import no_such_module_anywhere\n")
    trees = importlib.import_module("orchard").TREES
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
            trees.names()


def test_the_registries_load_nothing_until_an_entry_is_asked_for():
    code = (
        "import sys; from common.registry import REGISTRIES; print(len(REGISTRIES), 'keras' in sys.modules, "
        "[name for name in sys.modules if name.startswith(('architectures', 'builders'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=2) == [str(len(REGISTRIES)), "False", "[]\n"]
