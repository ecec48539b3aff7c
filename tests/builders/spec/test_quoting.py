"""What YAML takes for something else than was meant, and what it does not know: each with what to write instead."""

import pytest

from builders.spec import check_spec, load_spec

BASE = """\
dataset: {source: {folder: {path: data}}, image: {size: 28, channels: 1}}
encoder: {layers: [Flatten, Dense: {units: 4}]}
decoder: {layers: [Dense: {units: 784}, Reshape: {target_shape: [28, 28, 1]}]}
loss: {mse: 1}
"""
QUOTES = "; put it in quotes"


def lines(write, text: str, *overrides: str, base: str = BASE) -> list[str]:
    return [str(problem) for problem in check_spec(write(base + text), overrides)]


@pytest.mark.parametrize("written", ["0123", "0x1F", "0o17", "1e3", ".5", "-1", "1.", "true", "False", "+7"])
@pytest.mark.parametrize("key", ["description", "name", "training: {initial_weights", "dataset: {classes: [a"])
def test_what_looks_like_a_number_or_a_flag_where_text_belongs(write, written, key):
    if "dataset" in key:
        base = BASE.replace("dataset: {", f"dataset: {{classes: [a, {written}], ")
        found = lines(write, "", base=base)
    else:
        found = lines(write, f"{key}: {written}{'}' * ('{' in key)}\n")
    assert any(f"got {written}{QUOTES}" in line for line in found), found


@pytest.mark.parametrize("written", ["null", "~", "Null"])
def test_nothing_where_text_belongs(write, written):
    (line,) = lines(write, "", base=BASE.replace("path: data", f"path: {written}"))
    assert line == f"x.yaml:1:35: dataset.source.folder.path: expected text, got nothing (null){QUOTES}"


@pytest.mark.parametrize("written", ["2024-01-01", "1:30", "yes", "no", "on", "off", "1_0", "0b11", "1.2.3", "'0123'"])
def test_what_older_yaml_took_for_something_else_is_text(write, written):
    assert lines(write, f"description: {written}\n") == []


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("'3'", "; remove the quotes"),
        ('"0x1F"', "; remove the quotes"),
        ("'1e3'", "; remove the quotes"),
        ("1_000", "; write 1000"),
        ("'1_000'", "; write 1000"),
        ("0b101", "; write 5"),
        ("1,000", "; write 1000"),
        ("\u0661\u0662", "; write 12"),
        ("1:30", ""),
        ("three", ""),
        ("'three'", ""),
        ("yes", ""),
    ],
)
def test_text_where_a_number_belongs(write, written, hint):
    (line,) = lines(write, f"seed: {written}\n")
    assert line.startswith("x.yaml:5:7: seed: expected a whole number") and line.endswith(f"'{hint}"), line


def test_only_quotes_that_were_written_are_to_be_removed(write):
    assert lines(write, "variables: {a: 1, b: 2}\nseed: ${a}${b}\n")[0].endswith("got '12'")
    (line,) = lines(write, 'variables: {a: "7"}\nseed: $a\n')
    assert line.startswith("x.yaml:5:16: seed:") and "got '7'; remove the quotes (a variable" in line
    assert lines(write, "", "seed='3'") == [
        "--set seed='3': seed: expected a whole number from 0 to 4294967295, got '3'; remove the quotes"
    ]
    (line,) = lines(write, "", "name=0123")
    assert line.endswith("""got 0123; put it in quotes that the shell leaves there: "'0123'\"""")


def test_a_number_as_text_in_json(write):
    found = check_spec(write('{"name": 123}', "x.json"))
    assert any(str(line).startswith("x.json:1:10: name:") and str(line).endswith(f"got 123{QUOTES}") for line in found)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset.image={size:32}", "a space is missing after the colon: write 'size: 32'"),
        ("dataset.image={size: 32,channels:1}", "a space is missing after the colon: write 'channels: 1'"),
        ("dataset.image=size:32", "a space is missing after the colon of 'size:'"),
        ("dataset.source={folder:{path: x}}", "a space is missing after the colon of 'folder:'"),
        ("encoder.layers=[Dense:{units: 3}]", "a space is missing after the colon of 'Dense:'"),
        ("encoder.layers=[Dense:3]", "a space is missing after the colon of 'Dense:'"),
        ("training.optimizer={Adam: {beta_1:0.5}}", "a space is missing after the colon: write 'beta_1: 0.5'"),
    ],
)
def test_a_space_that_is_missing_after_a_colon(write, override, message):
    found = lines(write, "", override)
    assert any(message in line and line.startswith(f"--set {override}: ") for line in found), found


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("training: {epochs:3}\n", "x.yaml:5:12: training: a space is missing after the colon: write 'epochs: 3'"),
        ("training:\n  epochs:3\n", "x.yaml:6:3: training: expected a mapping"),
        ("training:\n  epochs:3\n  monitor: loss\n", "x.yaml:7:10: not valid YAML"),
    ],
)
def test_a_space_that_is_missing_in_a_file(write, text, start):
    (line,) = lines(write, text)
    assert line.startswith(start) and "a space is missing after the colon" in line


@pytest.mark.parametrize("text", ["http://x.org/a", "C:\\data", "a::b", "12:30"])
def test_other_colons_are_left_alone(write, text):
    assert lines(write, f"description: {text}\n") == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("$HOME", "$HOME: variables of the environment are not supported; write the value itself, or give it a name"),
        ("$HOME/data", "$HOME: variables of the environment are not supported"),
        ("${DATA_DIR}/x", "$DATA_DIR: variables of the environment are not supported"),
        ("$(pwd)/x", "commands of the shell are not supported; write '$$' for a dollar"),
        ("$home/x", "inside text write '${home}' for the variable, or '$$' for a dollar"),
        ("${home}", "unknown variable 'home'"),
    ],
)
def test_what_a_shell_would_replace(write, path, message):
    (line,) = lines(write, "", base=BASE.replace("path: data", f"path: '{path}'"))
    assert line.startswith("x.yaml:1:35: dataset.source.folder.path: ") and message in line


def test_a_variable_of_the_spec_may_have_such_a_name(write):
    spec = load_spec(write("variables: {HOME: a}\n" + BASE.replace("path: data", "path: '${HOME}/b'"))).spec
    assert spec.dataset.source.arguments == {"path": "a/b"}
    found = lines(write, "variables: {HOME: a}\n", base=BASE.replace("path: data", "path: '${HOM}/b'"))
    assert any("unknown variable 'HOM'; did you mean 'HOME'?" in line for line in found)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("training: &a {epochs: 3}\nlogging: {<<: *a}\n", "x.yaml:6:11: logging"),
        ("training:\n  <<: {epochs: 3}\n", "x.yaml:6:3: training"),
        ("<<: [1]\n", "x.yaml:5:1"),
    ],
)
def test_merge_keys(write, text, place):
    (line,) = lines(write, text)
    assert line == f"{place}: merge keys (<<) are not supported; write the keys out, or inherit a file with 'extends'"
