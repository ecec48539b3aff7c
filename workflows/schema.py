"""`schema`: the JSON Schema of specs and the committed part of the catalogue, compared with their files or written."""

import json
from pathlib import Path

from builders.spec.catalogue import CATALOGUE_PATH, Catalogue, committed_part, load_catalogue, read_catalogue
from builders.spec.schema import editor_schema
from common.errors import RequestError
from common.files import open_layout, write_atomically
from common.program import IN_CLONE, ROOT

SCHEMA_PATH = ROOT / "specs" / "schema" / "spec.schema.json"


def schema_text(catalogue: Catalogue | None = None) -> str:
    """The JSON Schema as its file holds it, of what can be named without plugins unless a catalogue is given."""
    catalogue = catalogue or read_catalogue(committed_part(), with_plugins=False)
    return open_layout(editor_schema(catalogue), levels=2) + "\n"


def write_plugin_schema(path: Path) -> None:
    """Writes a schema of everything that can be named, plugins included, for the specs of one project."""
    write_atomically(path, schema_text(load_catalogue()))


def stale_files(keras: bool = False) -> dict[Path, str]:
    """Committed files that are not up to date → what they should hold.

    Args:
        keras: Also compare the catalogue's part about Keras; this imports Keras and takes half a minute.
    """
    if not IN_CLONE:
        raise RequestError("schema: an installed copy has no schema to write; use --out FILE, or call it in a clone")
    if not keras:
        fresh = {SCHEMA_PATH: schema_text()}
    else:
        from builders.catalogue_builder import build_catalogue, catalogue_text

        text = catalogue_text(build_catalogue())
        schema = schema_text(read_catalogue(json.loads(text), with_plugins=False))
        fresh = {CATALOGUE_PATH: text, SCHEMA_PATH: schema}
    return {path: text for path, text in fresh.items() if not path.is_file() or path.read_text("utf-8") != text}


def write_schema(keras: bool = False) -> list[Path]:
    """Writes the committed files that are not up to date, and returns them; see `stale_files`."""
    stale = stale_files(keras)
    for path, text in stale.items():
        write_atomically(path, text)
    return list(stale)
