"""Scalars that mean something else than was meant: quotes too many, quotes too few, or YAML as it was before 1.2."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from builders.spec.nodes import Node
from builders.spec.scalars import NumberError, resolve

_YES, _NO = ("yes", "on", "true", "y"), ("no", "off", "false", "n")
# Numbers as other languages write them, and how a spec does.
_UNDERSCORES = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{3})+")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
_BINARY = re.compile(r"0[bB][01]{1,63}")


def hint(options: Iterable[Mapping[str, Any]], node: Node) -> str:
    """What to write instead of a value that has the wrong type, as `; …`; empty where there is nothing to say.

    Args:
        options: The schemas that are allowed.
        node: The value.
    """
    for option in options:
        if isinstance(node.value, str):
            found = _flag(option, node) or _number(option, node)
        else:
            found = _text(option, node)
        if found:
            return found
    return ""


def is_text_expected(options: Iterable[Mapping[str, Any]], node: Node) -> bool:
    """Whether a number, a flag or nothing stands where text belongs, without quotes."""
    return any(_text(option, node) for option in options)


def _text(option: Mapping[str, Any], node: Node) -> str:
    wanted = option.get("type") == "string" or node.text in option.get("enum", ())
    if not wanted or isinstance(node.value, str | dict | list) or not node.text:
        return ""
    if node.place.line == 0:  # an override, whose quotes the shell takes off
        return f"""; put it in quotes that the shell leaves there: "'{node.text}'\""""
    return "; put it in quotes"


def _flag(option: Mapping[str, Any], node: Node) -> str:
    word = node.value.lower()
    if option.get("type") != "boolean" or word not in (*_YES, *_NO):
        return ""
    return f"; write {'true' if word in _YES else 'false'}"


def _number(option: Mapping[str, Any], node: Node) -> str:
    if option.get("type") not in ("integer", "number"):
        return ""
    if node.text is None and not isinstance(_resolved(node.value), str):
        return "; remove the quotes"
    meant = _meant(node.value.strip())
    return f"; write {meant}" if meant and not isinstance(_resolved(meant), str) else ""


def _resolved(text: str) -> Any:
    try:
        value = resolve(text)
    except NumberError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def _meant(text: str) -> str:
    """A number as a spec writes it, of one that is written otherwise; empty where it is no number."""
    if _BINARY.fullmatch(text):
        return str(int(text, 2))
    if "_" in text and _UNDERSCORES.fullmatch(text):
        return text.replace("_", "")
    if _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    if _DECIMAL_COMMA.fullmatch(text):
        return text.replace(",", ".")
    digits = "".join(str(int(character)) if character.isdecimal() else character for character in text)
    return digits if digits != text else ""
