"""`reference`: the pages in docs/reference, from the catalogue, docstrings and the spec's types. Imports no Keras."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from builders.spec.annotations import language
from builders.spec.catalogue import Entry, committed_part, read_catalogue
from builders.spec.entries import Definition, own_definitions
from builders.spec.shapes import (
    MISSING,
    Anything,
    Defaults,
    Field,
    Flag,
    Items,
    Length,
    Named,
    Nothing,
    Number,
    Record,
    Shape,
    Table,
    Terms,
    Text,
    Words,
    options_of,
)
from common.errors import RequestError
from common.files import write_atomically
from common.plugins import plugin_definitions
from common.program import IN_CLONE, ROOT

REFERENCE_PATH = ROOT / "docs" / "reference"
_HEAD = (
    "<!-- Written by `python cli.py reference --write` from the code; edit docstrings and annotations instead. -->\n\n"
)

# Kind → its page, what one is called, and where a spec names it.
_PAGES = {
    "layer": (
        "layers",
        "layer",
        "In stacks: `encoder.layers`, `code.layers`, `decoder.layers`, `discriminator.layers`. "
        "Each also takes `name`, `trainable` and `dtype`.",
    ),
    "architecture": ("stacks", "ready-made decoder", "`decoder.architecture`: sized from the code to the image."),
    "loss": ("losses", "loss", "`loss`: each term also takes `weight`, `start` and `output`."),
    "metric": ("metrics", "metric", "`metrics`."),
    "source": ("sources", "source", "`dataset.source`."),
    "augmentation": ("augmentations", "augmentation", "`dataset.augment`: random changes to training images."),
    "backbone": ("backbones", "backbone", "`encoder.backbone`, and the `backbone` of perceptual losses and metrics."),
    "weights": ("weights", "weights package", "`encoder.weights`: weights that the install includes."),
    "discriminator": ("discriminators", "ready-made discriminator", "`discriminator.architecture`."),
    "optimizer": (
        "optimizers",
        "optimizer",
        "`training.optimizer`, and the `optimizer` of code, discriminator, latents.",
    ),
    "tracker": ("trackers", "tracker", "`logging.trackers`: where trainings are logged."),
}
_COMMON = ("name", "trainable", "dtype")
_MANY_WORDS = 12
# Sections of a docstring that a page shows otherwise, or that are about Python.
_SECTIONS = re.compile(r"(Args|Call|Attributes|Raises|Returns|Example):$")


def stale_pages() -> dict[Path, str]:
    """Pages that differ from the code → their text. Raises RequestError outside of a clone."""
    if not IN_CLONE:
        raise RequestError("reference: an installed copy has no pages to write; call it in a clone of Retrace")
    fresh = {REFERENCE_PATH / f"{name}.md": _HEAD + text for name, text in _pages(with_plugins=False)}
    return {path: text for path, text in fresh.items() if not path.is_file() or path.read_text("utf-8") != text}


def write_plugin_reference(folder: Path) -> None:
    """Writes all pages, with the entries of plugins, into a folder of its own."""
    for name, text in _pages(with_plugins=True):
        write_atomically(folder / f"{name}.md", text)


def write_reference() -> list[Path]:
    """Writes the pages that are stale; returns their paths."""
    stale = stale_pages()
    for path, text in stale.items():
        write_atomically(path, text)
    return list(stale)


def example_of(entry: Entry, doc: str) -> str:
    """How a spec names an entry: the docstring's `Example:`, or else the entry with its first optional argument."""
    if written := _section(doc, "Example"):
        return written
    for key, field in entry.arguments.fields.items():
        if key not in _COMMON and field.default is not MISSING and field.default is not None:
            return f"{entry.name}: {{{key}: {_yaml(field.default)}}}"
    return entry.name


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[a-z]\w*", value) else json.dumps(value)


def _pages(with_plugins: bool) -> Iterator[tuple[str, str]]:
    catalogue, definitions = read_catalogue(committed_part(), with_plugins), own_definitions()
    if with_plugins:
        definitions += [definition for _, definition in plugin_definitions()]
    index = ["# Reference", "Everything that a spec can name, and every key of a spec."]
    index.append("\n".join(f"- [{_title(kind)}]({page}.md): {where}" for kind, (page, _, where) in _PAGES.items()))
    yield "index", _joined([*index, "[A spec, key by key](spec.md)"])
    yield "spec", _spec_page()
    for kind, (page, _, where) in _PAGES.items():
        own = sorted((item for item in definitions if item.kind == kind), key=lambda item: item.name)
        entries = [(definition, catalogue.entry(kind, definition.name)) for definition in own]
        parts = [f"# {_title(kind)}", where, *(_entry(definition, entry) for definition, entry in entries if entry)]
        theirs = sorted({*catalogue.names(kind)} - {definition.name for definition in own})
        if theirs:
            names = ", ".join(f"`{name}`" for name in theirs)
            parts.append(f"## From Keras\n\nWith [Keras' own arguments](https://keras.io/api/{page}/): {names}.")
        yield page, _joined(parts)


def _title(kind: str) -> str:
    noun = _PAGES[kind][1]
    return {"loss": "Losses"}.get(kind, f"{noun[:1].upper()}{noun[1:]}s")


def _joined(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _entry(definition: Definition, entry: Entry) -> str:
    kind, doc = definition.kind, definition.cls.doc()
    paragraphs = re.split(r"\n\s*\n", doc.strip())
    parts = [f"## {entry.name}"]
    parts += [text for text in paragraphs if not _SECTIONS.fullmatch(text.split("\n")[0].strip())]
    parts += _facts(kind, entry)
    fields = {key: field for key, field in entry.arguments.fields.items() if kind != "layer" or key not in _COMMON}
    if fields:
        parts.append(_table("argument", fields, {}))
    if kind != "weights":
        parts.append(f"```yaml\n{example_of(entry, doc)}\n```")
    path = definition.cls.file.path
    parts.append(f"Defined in `{(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).as_posix()}`.")
    return "\n\n".join(parts)


def _facts(kind: str, entry: Entry) -> Iterator[str]:
    facts = entry.facts
    if kind == "metric":
        when = "in every training step and in validation" if facts["every_step"] else "in validation"
        yield f"Measured {when if facts['in_training'] else 'by `validate` only'}."
    elif kind == "backbone":
        size = facts["minimum_size"]
        yield f"Images of at least {size}×{size} pixels. `python cli.py taps {entry.name}` lists its taps."
    elif kind == "weights":
        yield f"For the backbone [{facts['backbone']}](backbones.md#{facts['backbone']})."


def _section(doc: str, name: str) -> str:
    """The indented lines below `name:`."""
    found = re.search(rf"^{name}:\n((?:[ ]+.*\n?|\n)+)", doc, flags=re.MULTILINE)
    lines = [line for line in found[1].split("\n") if line.strip()] if found else []
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return "\n".join(line[indent:] for line in lines)


def _spec_page() -> str:
    records: dict[str, Record] = {}
    places: dict[str, str] = {}  # name of a record → where a spec has it first

    def find(path: str, record: Record) -> None:
        if record.name not in places:
            places[record.name], records[path] = path, record
            for key, field in record.fields.items():
                for inner in _records(field.shape):
                    find(f"{path}.{key}" if path else key, inner)

    find("", language())
    parts = ["# A spec, key by key", "A duration is a number of steps, or text such as `2 epochs`."]
    for path, record in records.items():
        parts += [f"## {path or 'The file'}", record.doc, _table("key", record.fields, places)]
    return _joined(parts)


def _records(shape: Shape) -> Iterator[Record]:
    for option in options_of(shape):
        if isinstance(option, Record):
            yield option
        elif isinstance(option, Items | Table):
            yield from _records(option.item if isinstance(option, Items) else option.value)
        elif isinstance(option, Terms):
            yield option.common


def _table(head: str, fields: Mapping[str, Field], places: Mapping[str, str]) -> str:
    rows = [f"| {head} | value | default | meaning |", "|---|---|---|---|"]
    for key, field in fields.items():
        default = "" if field.default is MISSING or (field.default and any(_records(field.shape))) else "unset"
        if default and field.default not in (None, ""):
            default = f"`{_yaml(field.default)}`"
        cells = [f"`{key}`", words(field.shape, places), "**required**" if field.required else default, field.doc]
        rows.append("| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |")
    return "\n".join(rows)


def words(shape: Shape, places: Mapping[str, str]) -> str:
    """What a shape allows, in words.

    Args:
        shape: The shape.
        places: Name of a record → its heading on the page.
    """
    options = [option for option in options_of(shape) if not isinstance(option, Nothing)]
    return " or ".join(dict.fromkeys(_words(option, places) for option in options)) or "null"


def _words(shape: Shape, places: Mapping[str, str]) -> str:
    match shape:
        case Flag():
            return "true or false"
        case Number():
            return " ".join(["integer" if shape.whole else "number", *_bounds(shape)])
        case Text():
            return shape.hint
        case Words() if len(shape.values) > _MANY_WORDS:
            return "activation" if "relu" in shape.values else f"one of {len(shape.values)} words"
        case Words():
            return ", ".join(f"`{_yaml(value)}`" for value in shape.values)
        case Length():
            return "duration"
        case Items():
            return f"list of: {words(shape.item, places)}"
        case Table():
            return f"mapping to: {words(shape.value, places)}"
        case Named():
            page, noun, _ = _PAGES.get(shape.kind, ("", shape.kind, ""))
            return f"[{noun}]({page}.md)" if page else noun
        case Defaults():
            return f"arguments of each {shape.kind}, by name"
        case Record() | Terms():
            record = shape.common if isinstance(shape, Terms) else shape
            path = places.get(record.name, "")
            return f"{'terms' if isinstance(shape, Terms) else 'mapping'}: [{path}](#{path.replace('.', '')})"
        case Anything():
            return "any value"
    raise TypeError(f"{type(shape).__name__} has no words yet; add them to workflows/reference.py")


def _bounds(shape: Number) -> Iterator[str]:
    for word, bound in (("from", shape.minimum), ("above", shape.above), ("to", shape.maximum), ("below", shape.below)):
        if bound is not None:
            yield f"{word} {bound}"
