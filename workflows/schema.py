"""`schema`: the JSON Schema of specs and the committed part of the catalogue, compared with their files or written."""

import json
from pathlib import Path

from builders.spec.catalogue import CATALOGUE_PATH, Catalogue, load_catalogue, read_catalogue
from builders.spec.schema import editor_schema
from common.files import write_atomically
from common.json_layout import open_layout
from common.program import ROOT

SCHEMA_PATH = ROOT / "specs" / "schema" / "spec.schema.json"


def schema_text(catalogue: Catalogue | None = None) -> str:
    """The JSON Schema as its file holds it, of everything that can be named unless a catalogue is given."""
    return open_layout(editor_schema(catalogue or load_catalogue()), levels=2) + "\n"


def stale_files(keras: bool = False, out: Path = SCHEMA_PATH) -> dict[Path, str]:
    """Files that are not up to date → what they should hold.

    Args:
        keras: Also compare the catalogue's part about Keras; this imports Keras and takes half a minute.
        out: The file of the schema.
    """
    if not keras:
        fresh = {out: schema_text()}
    else:
        from builders.catalogue_builder import build_catalogue, catalogue_text

        text = catalogue_text(build_catalogue())
        fresh = {CATALOGUE_PATH: text, out: schema_text(read_catalogue(json.loads(text)))}
    return {path: text for path, text in fresh.items() if not path.is_file() or path.read_text("utf-8") != text}


def write_schema(keras: bool = False, out: Path = SCHEMA_PATH) -> list[Path]:
    """Writes the files that are not up to date; the arguments are those of `stale_files`.

    Returns:
        The files that changed.
    """
    stale = stale_files(keras, out)
    for path, text in stale.items():
        write_atomically(path, text)
    return list(stale)
