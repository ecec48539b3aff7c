"""The values of unquoted YAML words: the core schema of YAML 1.2, and no more."""

import math
import re

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

# The largest integer of NumPy and TensorFlow; no spec needs more.
_LARGEST_INTEGER = 2**63 - 1
_LONGEST_NUMBER = 400


class NumberError(ValueError):
    """A number that is not allowed in a spec."""


def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar: `1e-3` is a number; `no`, `1:30` and `2024-01-01` are words.

    Raises:
        NumberError: The number is infinite, not a number, or too large.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise NumberError(f"'{text}' is not a finite number")
    if _INTEGER.fullmatch(text):
        return number(text, whole=True)
    if _NUMBER.fullmatch(text):
        return number(text, whole=False)
    return text


def number(text: str, whole: bool) -> int | float:
    """A decimal, octal (0o) or hexadecimal (0x) number.

    Raises:
        NumberError: It is beyond 64 bits, or infinite.
    """
    if len(text) > _LONGEST_NUMBER:
        raise NumberError(f"a number of {len(text)} digits is too long")
    if not whole:
        value = float(text)
        if not math.isfinite(value):
            raise NumberError(f"{text[:40]} is too large for a number")
        return value
    base = {"0x": 16, "0o": 8}.get(text[:2], 10)
    value = int(text, base)
    if abs(value) > _LARGEST_INTEGER:
        raise NumberError(f"{text[:40]} is too large; whole numbers end at {_LARGEST_INTEGER}")
    return value
