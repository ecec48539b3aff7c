"""Registries: names, suggestions, and files that register themselves by lying there."""

import importlib
import sys

import pytest

from common.registry import Registry, UnknownEntryError, did_you_mean, import_siblings, nearest


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


def test_a_file_that_lies_in_the_package_registers_itself(tmp_path, monkeypatch):
    package = tmp_path / "orchard"
    package.mkdir()
    (package / "registry.py").write_text("from common.registry import Registry\nTREES = Registry('tree')\n")
    (package / "__init__.py").write_text(
        "from common.registry import import_siblings\n"
        "from orchard.registry import TREES\n"
        "import_siblings(__name__, __path__)\n"
    )
    (package / "oak.py").write_text(
        "from orchard.registry import TREES\n\n@TREES.register('oak')\nclass Oak:\n    'A tree.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    try:
        assert importlib.import_module("orchard").TREES.names() == ["oak"]
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "orchard"]:
            del sys.modules[name]


def test_import_siblings_reports_a_broken_file(tmp_path, monkeypatch):
    (tmp_path / "broken_package").mkdir()
    (tmp_path / "broken_package" / "__init__.py").touch()
    (tmp_path / "broken_package" / "bad.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        import_siblings("broken_package", [str(tmp_path / "broken_package")])
