"""Messages about one value: what was expected, what was received, what was probably meant."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from builders.spec.annotations import language
from builders.spec.catalogue import Catalogue
from builders.spec.nodes import Node, Path, plain
from builders.spec.other_networks import other_network
from builders.spec.problems import listed, shown, suggestion
from builders.spec.scalars import NumberError, resolve
from builders.spec.shapes import Flag, Length, Named, Number, Record, Shape, Text, Words, options_of
from builders.spec.yaml_reader import JOINED
from common.registry import or_plugin

# Beyond this many words a near one alone is clearer than the whole list.
_MANY_WORDS = 8
_YES, _NO = ("yes", "on", "true", "y"), ("no", "off", "false", "n")
# Numbers as other languages write them.
_UNDERSCORES = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{3})+")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
_BINARY = re.compile(r"0[bB][01]{1,63}")
# Words by which people try to change the range of images, which is fixed.
RANGE_REASON = (
    "images, targets and reconstructions are in [0, 1] everywhere outside an encoder, and every backbone normalises "
    "its own input; remove it"
)
_RANGE_WORDS = re.compile(
    r"(de)?normali[sz]\w*|standardi[sz]\w*|rescal\w*|pre_?process\w*|imagenet\w*|means?|stds?|\w*range"
)
_SECTIONS = ("dataset", "encoder", "decoder", "loss", "training")
_LOADS_CODE = "it can run code, and a spec is plain data"
_NOT_FOR_SPECS = dict.fromkeys(("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"), _LOADS_CODE)


def unexpected(options: Sequence[Shape], node: Node, catalogue: Catalogue) -> str:
    """The message for a value that is none of the allowed shapes.

    Args:
        options: The allowed shapes.
        node: The value.
        catalogue: Knows the words that Keras takes as text.
    """
    value = plain(node) if node.is_list else node.value
    words = [word for option in options for word in _words(option, catalogue)]
    near = suggestion(value, [word for word in words if isinstance(word, str)]) if isinstance(value, str) else ""
    if near and len(words) > _MANY_WORDS:
        nouns = [option.kind for option in options if isinstance(option, Named) and option.is_word]
        return f"unknown {nouns[0] if nouns else 'value'} {shown(value)}{near}"
    # Where text belongs, 0123 is shown as it was written and not as the number it is.
    needs_quotes = node.text and not isinstance(value, str | dict | list) and _takes_text(options, node.text, words)
    got = shown(node.text)[1:-1] if needs_quotes and value is not None else shown(value)
    hint = near or (_quotes(node) if needs_quotes else _other_spelling(options, node)) or joined_key(value)
    phrases = dict.fromkeys(phrase for option in options for phrase in option.phrases())
    # That a value may be left out goes without saying.
    expected = [phrase for phrase in phrases if phrase != "null"] or phrases
    return f"expected {listed(expected)}, got {got}{hint}"


def _words(option: Shape, catalogue: Catalogue) -> Sequence[Any]:
    if isinstance(option, Words):
        return option.values
    return catalogue.identifiers(option.kind) if isinstance(option, Named) and option.is_word else ()


def unknown_key(noun: str, key: str, known: Sequence[str], path: Path) -> str:
    """The message for a key that a record or table does not have, or a name that is not in the catalogue.

    Args:
        noun: key, argument, or the kind of what is named.
        key: What was written.
        known: What could have been written.
        path: Where the mapping is.
    """
    all_known = f"; known: {listed(known)}" if known else ""
    if noun in ("key", "argument"):
        hint = range_reason(path, key) or suggestion(key, known) or (_elsewhere(key) if noun == "key" else "")
        return f"unknown {noun}{hint or joined_key(key) or all_known or '; it takes none'}"
    if noun == "layer" and key in _NOT_FOR_SPECS:
        return f"layer '{key}' is not allowed: {_NOT_FOR_SPECS[key]}"
    hint = range_reason(path, key) if noun == "augmentation" else ""
    if noun == "backbone":
        hint = other_network(key, known)
    return (
        f"unknown {noun} {shown(key)}{hint or joined_key(key) or or_plugin(noun, suggestion(key, known) or all_known)}"
    )


def unknown_term(name: str, kinds: Sequence[str]) -> str:
    """The message for a term of the loss that has the name of no loss and does not state one."""
    hint = suggestion(name, kinds) or f"; known: {listed(kinds)}"
    lead = " " if hint.endswith("?") else "; "
    return or_plugin("loss", f"unknown loss {shown(name)}{hint}{lead}a term with a name of its own says 'loss: KIND'")


def unknown_loss(node: Node, kinds: Sequence[str]) -> str:
    """The message for the `loss` of a term that names no loss."""
    if not isinstance(node.value, str):
        return f"expected a loss, got {shown(plain(node))}"
    hint = suggestion(node.value, kinds) or f"; known: {listed(kinds)}"
    return or_plugin("loss", f"unknown loss {shown(node.value)}{hint}")


def range_reason(path: Path, key: str) -> str:
    """Why a key that would change the range of images is refused; empty for any other key.

    Args:
        path: Where the key is.
        key: A key that the language does not have.
    """
    inside = {"layers", "source"} & set(path) or (path and path[0] not in _SECTIONS)
    return "" if inside or not _RANGE_WORDS.fullmatch(key.lower()) else f": {RANGE_REASON}"


def joined_key(value: Any) -> str:
    """The hint for `size:32`, where a mapping or a name belongs."""
    match = JOINED.fullmatch(value) if isinstance(value, str) else None
    return f"; a space is missing after the colon of '{shown(match[1])[1:-1]}:'" if match else ""


def _takes_text(options: Iterable[Shape], text: str, words: Sequence[Any]) -> bool:
    return text in words or any(isinstance(option, Text | Length) for option in options)


def _quotes(node: Node) -> str:
    if node.place.line == 0:  # an override, whose quotes the shell takes off
        return f"""; put it in quotes that the shell leaves there: "'{node.text}'\""""
    return "; put it in quotes"


def _other_spelling(options: Iterable[Shape], node: Node) -> str:
    """How a spec spells a flag or number that was written as text, as in other languages or with quotes."""
    if not isinstance(node.value, str):
        return ""
    for option in options:
        word = node.value.lower()
        if isinstance(option, Flag) and word in (*_YES, *_NO):
            return f"; write {'true' if word in _YES else 'false'}"
        if isinstance(option, Number | Length):
            if node.text is None and _is_number(node.value):
                return "; remove the quotes"
            meant = _as_number(node.value.strip())
            if meant and _is_number(meant):
                return f"; write {meant}"
    return ""


def _is_number(text: str) -> bool:
    try:
        value = resolve(text)
    except NumberError:
        return False
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_number(text: str) -> str:
    """A number in a spec's spelling, from another spelling; empty where the text is no number."""
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


def _elsewhere(key: str) -> str:
    """Where else in the language a key is, for one that was put into the wrong section."""
    path = _first_paths().get(key)
    return f"; did you mean '{path}'?" if path else ""


@cache
def _first_paths() -> dict[str, str]:
    """Key → the first path of the language that ends in it."""
    found: dict[str, str] = {}
    for path in _paths(language(), ()):
        found.setdefault(path[-1], ".".join(path))
    return found


def _paths(shape: Shape, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for option in options_of(shape):
        if isinstance(option, Record):
            for key, field in option.fields.items():
                yield (*above, key)
                yield from _paths(field.shape, (*above, key))
