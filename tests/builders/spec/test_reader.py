"""Reading: YAML and JSON alike, positions of everything, and files that mean harm."""

import time

import pytest

from builders.spec.nodes import MAX_DEPTH, MAX_NODES, find, plain
from builders.spec.problems import SpecErrors
from builders.spec.reader import read_spec, read_text

YAML = """\
# a comment
a: {b: [1, two, 3.5e-1], "c d": null}
e:
  - f: true
  - >
    folded
    text
ü: ünï
"""
JSON = """\
{"a": {"b": [1, "two", 3.5e-1], "c d": null},
 "e": [{"f": true}, "folded text\\n"],
 "\\u00fc": "ünï"}
"""
DATA = {"a": {"b": [1, "two", 0.35], "c d": None}, "e": [{"f": True}, "folded text\n"], "ü": "ünï"}


def refused(text: str, name: str = "x.yaml") -> str:
    """The one line with which a text is refused."""
    start = time.process_time()
    with pytest.raises(SpecErrors) as caught:
        read_text(text, name)
    assert time.process_time() - start < 2
    [problem] = caught.value.problems
    assert problem.line >= 1 and problem.column >= 1 and "\n" not in str(problem) and len(str(problem)) < 400
    return str(problem)


@pytest.mark.parametrize(("text", "name"), [(YAML, "x.yaml"), (JSON, "x.json"), (JSON, "x.yaml")])
def test_both_languages_give_one_tree(text, name):
    assert plain(read_text(text, name)) == DATA


@pytest.mark.parametrize(
    ("text", "name", "path", "place"),
    [
        (YAML, "x.yaml", ("a", "b", 1), (2, 12)),
        (YAML, "x.yaml", ("e", 0, "f"), (4, 8)),
        (YAML, "x.yaml", ("ü",), (8, 4)),
        (JSON, "x.json", ("a", "b", 1), (1, 17)),
        (JSON, "x.json", ("e", 0, "f"), (2, 14)),
        (JSON, "x.json", ("ü",), (3, 12)),
    ],
)
def test_every_value_knows_its_place(text, name, path, place):
    node, reached = find(read_text(text, name), path)
    assert reached == path and (node.place.line, node.place.column) == place


def test_keys_know_their_place():
    root = read_text(YAML, "x.yaml")
    assert str(root.value["a"].key_place("c d")) == "x.yaml:2:26"
    assert str(root.key_place("ü")) == "x.yaml:8:1"


def test_anchors_keep_the_place_of_the_anchor():
    root = read_text("a: &x {b: 1}\nc: *x\n", "x.yaml")
    assert root.value["c"] is root.value["a"]


HOSTILE = {
    "python tag": ("a: !!python/object/apply:os.system ['echo']", ":1:4: a: tag '!!python/object/apply:os.system'"),
    "own tag": ("a: !x 1", "tag '!x' is not allowed"),
    "standard tag": ("a: !!str 1", "tag '!!str' is not allowed"),
    "duplicate key": ("a: 1\nb: 2\na: 3", ":3:1: a: duplicate key; it stands at x.yaml:1:1"),
    "unknown anchor": ("a: *b", ":1:4: unknown anchor 'b'"),
    "self-reference": ("a: &a [*a]", ":1:8: anchor 'a' refers to itself"),
    "merge of itself": ("a: &a {b: {c: *a}}", "refers to itself"),
    "billion laughs": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "\n".join(f"{b}: &{b} [{', '.join(['*' + a] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi")),
        f"more than {MAX_NODES} values",
    ),
    "deep flow": ("a: " + "[" * 100_000, f"more than {MAX_DEPTH} levels"),
    "deep mappings": ("{a: " * 50_000, f"more than {MAX_DEPTH} levels"),
    "deep blocks": ("\n".join("  " * depth + "a:" for depth in range(400)), f"more than {MAX_DEPTH} levels"),
    "deep through aliases": (
        "l0: &l0 [x]\n" + "\n".join(f"l{n}: &l{n} [*l{n - 1}]" for n in range(1, 80)),
        f"more than {MAX_DEPTH} levels",
    ),
    "many values": ("a: [" + "1, " * 25_000 + "1]", f"more than {MAX_NODES} values"),
    "two documents": ("a: 1\n---\nb: 2", ":2:1: a second document"),
    "mapping as key": ("? {a: 1}\n: 2", "where a key is expected"),
    "alias as key": ("a: &x 1\n*x : 2", "where a key is expected"),
    "tab": ("a:\n\tb: 1", ":2:1: not valid YAML: a tab indents"),
    "unclosed": ("a: [1, 2", "not valid YAML"),
    "braces": ("a: {b: ${HOME}}", ":1:9: not valid YAML: text with '${HOME}' needs quotes here; it means a variable"),
    "braces in a list": ("a: [${HOME}/x]", "environment variables are not supported"),
    "braces cut off": ("a: {b: ${HOME", "text with '${HOME' needs quotes"),
    "percent signs": (
        "a: {b: %X%}",
        ":1:8: not valid YAML: text that begins with % needs quotes; environment variables",
    ),
    "at sign": ("a: @x", ":1:4: not valid YAML: text that begins with @ needs quotes"),
    "colon": ("a: b: c", "put text with a colon in quotes"),
    "control character": ("a: b\x00c", ":1:5: character '\\x00'"),
    "directive": ("%YAML 9.9\n---\na: 1", "x.yaml:1:"),
    "percent": ("%" * 1000, "x.yaml:1:"),
    "infinity": ("a: .inf", ":1:4: a: '.inf' is not a finite number"),
    "huge integer": ("a: " + "9" * 100_000, ":1:4: a: a number of 100000 digits"),
}
HOSTILE_JSON = {
    "duplicate key": ('{"a": 1,\n "a": 2}', ":2:2: a: duplicate key; it stands at x.json:1:2"),
    "deep": ('{"a":' * 100_000, f"more than {MAX_DEPTH} levels"),
    "many": ("[" + "1," * 25_000 + "1]", f"more than {MAX_NODES} values"),
    "trailing comma": ('{"a": 1,}', ":1:9: not valid JSON: expected a key in \", got '}'; remove the comma before it"),
    "no value": ('{"a": }', ":1:7: not valid JSON: expected a value, got '}'; a value is missing before it"),
    "no comma": ('{"a": 1 "b": 2}', "; a comma is missing before it"),
    "other bracket": ('{"a": 1]', "expected ',' or '}', got ']'"),
    "comment": ('{"a": 1 // one\n}', "JSON has no comments"),
    "single quotes": ("{'a': 1}", 'JSON quotes text with "'),
    "not a number": ('{"a": NaN}', ":1:7: not valid JSON: expected a value, got 'NaN'"),
    "leading zero": ('{"a": 012}', ":1:7: not valid JSON"),
    "infinite": ('{"a": 1e999}', ":1:7: a: 1e999 is too large"),
    "lone surrogate": ('{"a": "\\ud800"}', "stand for no character"),
    "bad escape": ('{"a": "\\x"}', ":1:7: not valid JSON: a faulty text"),
    "line break": ('{"a": "b\nc"}', ":1:7: not valid JSON: a faulty text"),
    "more after it": ("{} {}", ":1:4: not valid JSON: expected the end"),
    "cut off": ('{"a": [1', "got the end of the file"),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_yaml_is_refused_in_one_line(text, message):
    assert message in refused(text)


@pytest.mark.parametrize(("text", "message"), HOSTILE_JSON.values(), ids=HOSTILE_JSON.keys())
def test_hostile_json_is_refused_in_one_line(text, message):
    assert message in refused(text, "x.json")


def test_several_mistakes_of_form_come_at_once():
    with pytest.raises(SpecErrors) as caught:
        read_text("a: 1\na: 2\nb: !x 3\nb: 4\n", "x.yaml")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.yaml", b"a: \xff", "x.yaml:1:4: byte 0xff is not UTF-8"),
        ("x.yaml", b"#" * (256 * 1024 + 1), "262145 bytes; a spec has at most 262144"),
        ("x.txt", b"a: 1", "its name must end in .yaml, .yml or .json"),
    ],
)
def test_files_that_are_no_specs(write, name, content, message):
    with pytest.raises(SpecErrors, match=message.replace(".", r"\.")):
        read_spec(write(content, name))


def test_what_is_not_a_file(write, tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    for name, message in (("folder.yaml", "not a file"), ("none.yaml", "no such file"), ("/dev/zero", "no spec")):
        with pytest.raises(SpecErrors, match=message):
            read_spec(tmp_path / name)


def test_a_byte_order_mark_is_no_character(write):
    assert plain(read_spec(write(b"\xef\xbb\xbfa: 1"))) == {"a": 1}
