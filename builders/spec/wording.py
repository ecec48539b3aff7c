"""What a schema asks for, and how a value fails it, as a person says it."""

from collections.abc import Iterator, Mapping
from typing import Any

from builders.spec.problems import listed, shown, suggestion

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

    def mistake(self, error: Any) -> str:
        """The message for a value that fails one keyword."""
        value, schema = error.instance, error.schema
        if error.validator in ("minItems", "maxItems"):
            return f"expected {self.describe(schema)}, got {len(value)}"
        noun = schema.get("$comment")
        if error.validator == "enum" and noun and isinstance(value, str):
            words = schema["enum"]
            return f"unknown {noun} {shown(value)}{suggestion(value, words) or f'; known: {listed(words)}'}"
        return self.no_option(schema, value)

    def no_option(self, schema: Mapping[str, Any], value: Any) -> str:
        """The message for a value that is nothing of what a schema allows."""
        options = list(self._options(schema))
        words = [word for option in options for word in option.get("enum", ()) if isinstance(word, str)]
        hint = suggestion(value, words) if isinstance(value, str) else ""
        if hint and len(words) > _MANY_WORDS:
            nouns = [option["$comment"] for option in options if "enum" in option and "$comment" in option]
            return f"unknown {nouns[0] if nouns else 'value'} {shown(value)}{hint}"
        hint = hint or next(filter(None, (_unquoted(option, value) for option in options)), "")
        return f"expected {self.describe(schema)}, got {shown(value)}{hint}"

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


def _unquoted(schema: Mapping[str, Any], value: Any) -> str:
    """What to write instead of text that looks like a number or a flag."""
    if not isinstance(value, str):
        return ""
    if schema.get("type") == "boolean" and value.lower() in ("yes", "no", "on", "off", "true", "false"):
        return f"; write {'true' if value.lower() in ('yes', 'on', 'true') else 'false'}"
    if schema.get("type") not in ("integer", "number"):
        return ""
    try:
        float(value)
    except ValueError:
        return ""
    return "; remove the quotes"
