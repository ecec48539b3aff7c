"""Unquoted words mean what the core schema of YAML 1.2 says."""

import pytest

from builders.spec.scalars import NumberError, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-2", -2),
        ("+3", 3),
        ("012", 12),
        ("0o17", 15),
        ("0xff", 255),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("null", None),
    ],
)
def test_numbers_flags_and_nothing(text, value):
    assert resolve(text) == value and type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "1:30",
        "1000-10-10",
        "2024-01-01",
        "1_000",
        "0b11",
        "tRUE",
        "1e",
        "e3",
        "-",
        ".",
        "12px",
    ],
)
def test_everything_else_is_a_word(text):
    assert resolve(text) == text


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 20, "9" * 5000])
def test_numbers_no_spec_can_hold(text):
    with pytest.raises(NumberError):
        resolve(text)
