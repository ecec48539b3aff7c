"""What a schema asks for, and how a value fails it, as a person says it."""

from collections.abc import Iterator, Mapping
from typing import Any

from builders.spec.nodes import Node, plain
from builders.spec.problems import listed, shown, suggestion
from builders.spec.quoting import hint, is_text_expected
from builders.spec.yaml_reader import JOINED

# What the schema calls the two forms of a Duration.
DURATION = "a duration"
# Beyond this many words a near one alone is clearer than the whole list.
_MANY_WORDS = 8
_BOUNDS = (
    ("minimum", "from"),
    ("exclusiveMinimum", "above"),
    ("maximum", "up to"),
    ("exclusiveMaximum", "below"),
)


class Wording:
    """Puts schemas into words.

    Args:
        schema: The whole schema, for its definitions.
    """

    def __init__(self, schema: Mapping[str, Any]):
        self.definitions = schema["$defs"]

    def mistake(self, error: Any, node: Node) -> str:
        """The message for a node whose value fails one keyword."""
        value, schema = error.instance, error.schema
        if error.validator in ("minItems", "maxItems"):
            return f"expected {self.describe(schema)}, got {len(value)}"
        noun = schema.get("$comment")
        if error.validator == "enum" and noun and isinstance(value, str):
            words = schema["enum"]
            return f"unknown {noun} {shown(value)}{suggestion(value, words) or f'; known: {listed(words)}'}"
        return self.no_option(schema, node)

    def no_option(self, schema: Mapping[str, Any], node: Node) -> str:
        """The message for a node whose value is nothing of what a schema allows."""
        value, options = node.value if not node.is_list else plain(node), list(self._options(schema))
        words = [word for option in options for word in option.get("enum", ()) if isinstance(word, str)]
        near = suggestion(value, words) if isinstance(value, str) else ""
        if near and len(words) > _MANY_WORDS:
            nouns = [option["$comment"] for option in options if "enum" in option and "$comment" in option]
            return f"unknown {nouns[0] if nouns else 'value'} {shown(value)}{near}"
        # Where text belongs, 0123 is shown as it was written and not as the number it is.
        written = node.text if value is not None and is_text_expected(options, node) else None
        got = shown(written)[1:-1] if written else shown(value)
        return f"expected {self.describe(schema)}, got {got}{near or hint(options, node) or joined_key(value)}"

    def describe(self, schema: Mapping[str, Any]) -> str:
        """What a schema asks for."""
        phrases = dict.fromkeys(phrase for option in self._options(schema) for phrase in _phrases(option))
        # That a value may be left out goes without saying.
        return listed([phrase for phrase in phrases if phrase != "null"] or phrases)

    def _options(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The alternatives of a schema, through definitions; where a name may stand, without its long form."""
        if "$ref" in schema:
            yield from self._options(self.definitions[schema["$ref"].rsplit("/", 1)[-1]])
        elif "anyOf" in schema:
            found = [option for inner in schema["anyOf"] for option in self._options(inner)]
            nouns = {option["$comment"] for option in found if "enum" in option and "$comment" in option}
            for option in found:
                if option.get("type") != "object" or option.get("$comment") not in nouns:
                    yield option
        else:
            yield schema


def _phrases(schema: Mapping[str, Any]) -> list[str]:
    comment = schema.get("$comment")
    if "enum" in schema:
        return [_with_article(comment)] if comment else [shown(word).strip("'") for word in schema["enum"]]
    if comment == DURATION:
        if schema.get("type") == "string":
            return ["text such as '3 epochs'"]
        return ["a number of steps" + (_bounds(schema) if schema["minimum"] else "")]
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return [("a whole number" if kind == "integer" else "a number") + _bounds(schema)]
    if kind == "array":
        return [_counted(schema)]
    if kind == "string":
        return [comment or "text"]
    if kind == "boolean":
        return ["true", "false"]
    if kind != "object":
        return [str(kind or "any value")]
    if comment == "loss":
        return ["terms such as {l1: 0.8, ssim: 0.2}"]
    if comment in (None, "key", "argument"):
        first = next(iter(schema.get("properties", ())), None)
        return [f"a mapping such as {{{first}: …}}" if first else "a mapping"]
    return [f"{_with_article(comment)} by name"]


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _bounds(schema: Mapping[str, Any]) -> str:
    limits = " and ".join(f"{words} {schema[key]}" for key, words in _BOUNDS if key in schema)
    return f" {limits.replace(' and up to', ' to') if 'minimum' in schema else limits}" if limits else ""


def _counted(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    if low is not None and low == high:
        return f"a list of {low}"
    if low is not None:
        return f"a list of at least {low}"
    return f"a list of at most {high}" if high is not None else "a list"


def joined_key(value: Any) -> str:
    """What is missing in `size:32`, where a mapping or a name belongs."""
    match = JOINED.fullmatch(value) if isinstance(value, str) else None
    return f"; a space is missing after the colon of '{shown(match[1])[1:-1]}:'" if match else ""
