"""Variables keep types and places, and cannot be abused."""

import time

import pytest

from builders.spec import check_spec, load_spec


def spec(variables: str, size: str = "$size", path: str = "data") -> str:
    return f"""\
variables: {variables}
dataset: {{source: {{folder: {{path: {path}}}}}, image: {{size: {size}}}}}
encoder: {{layers: [Flatten]}}
decoder: {{layers: [Flatten]}}
loss: {{l1: 1}}
"""


@pytest.mark.parametrize(
    ("variables", "size", "path", "expected"),
    [
        ("{size: 64}", "$size", "data", (64, "data")),
        ("{size: [32, 48]}", "$size", "data", ((32, 48), "data")),
        ("{size: 64}", "$size", "'a/${size}px/$$x'", (64, "a/64px/$x")),
        ("{size: 64}", "'${size}'", "data", (64, "data")),
        ("{side: 64, size: $side}", "$size", "data", (64, "data")),
        ("{size: 64, rest: b}", "$size", "'${rest}${size}'", (64, "b64")),
    ],
)
def test_replacement(write, variables, size, path, expected):
    loaded = load_spec(write(spec(variables, size, path)))
    assert (loaded.spec.dataset.image.size, loaded.spec.dataset.source.arguments["path"]) == expected


def test_the_origin_is_where_the_value_was_written(write):
    loaded = load_spec(write(spec("{size: 64}")))
    assert loaded.origins["dataset.image.size"] == "x.yaml:1:19"
    assert loaded.merged["dataset"]["image"]["size"] == "$size" and loaded.merged["variables"] == {"size": 64}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            spec("{size: big}"),
            "x.yaml:1:19: dataset.image.size: expected a whole number from 1 to 8192 or a list of 2, "
            "got 'big' (a variable, used at x.yaml:2:57)",
        ),
        (spec("{size: 1}", "$sice"), "x.yaml:2:57: dataset.image.size: unknown variable 'sice'; did you mean 'size'?"),
        (spec("{size: 1}", path="a$size"), "x.yaml:2:35: dataset.source.folder.path: inside text write '${size}'"),
        (spec("{size: 1}", path="a$"), "x.yaml:2:35: dataset.source.folder.path: write '$$' for a dollar"),
        (spec("{size: $size}"), "x.yaml:1:19: variables.size: variable 'size' refers to itself"),
        (spec("{a: $b, b: $a, size: 1}", "$a"), "refers to itself"),
        (spec("{size: [1]}", "1", "'x${size}'"), "variable 'size' is [1], which can't stand inside text"),
        (spec("5", "1"), "x.yaml:1:12: variables: expected a mapping, got 5"),
    ],
)
def test_mistakes_are_placed(write, text, line):
    problems = [str(problem) for problem in check_spec(write(text))]
    assert any(line in problem for problem in problems), problems


@pytest.mark.parametrize(
    "variables",
    [
        "{" + ", ".join(f"v{n}: [$v{n + 1}, $v{n + 1}, $v{n + 1}]" for n in range(30)) + ", v30: 1, size: $v0}",
        "{" + ", ".join(f"v{n}: '${{v{n + 1}}}${{v{n + 1}}}'" for n in range(30)) + f", v30: {'x' * 1000}, size: $v0}}",
        "{" + ", ".join(f"v{n}: $v{n + 1}" for n in range(3000)) + ", v3000: 1, size: $v0}",
        "{size: [" + "[[[$b]]], " * 500 + "], b: [" + "1, " * 5000 + "]}",
    ],
    ids=["lists", "text", "chain", "many uses"],
)
def test_bombs_made_of_variables_are_refused(write, variables):
    start = time.process_time()
    assert check_spec(write(spec(variables)))
    assert time.process_time() - start < 2
