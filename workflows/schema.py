"""`schema`: the catalogue and the JSON Schema, written anew or compared with what is committed."""

import json
from pathlib import Path

from builders.spec.catalogue import CATALOGUE_PATH, Catalogue, load_catalogue
from builders.spec.schema import editor_schema
from common.json_layout import open_layout
from common.program import ROOT

SCHEMA_PATH = ROOT / "specs" / "schema" / "spec.schema.json"


def schema_text(catalogue: Catalogue | None = None) -> str:
    """The JSON Schema as its file holds it, from the committed catalogue unless another is given."""
    return open_layout(editor_schema(catalogue or load_catalogue()), levels=2) + "\n"


def stale_files() -> dict[Path, str]:
    """Files that no longer say what Keras and our registries are → what they should say. Imports Keras.

    Returns:
        The catalogue and the schema, each only where it differs; empty where both are fresh.
    """
    from builders.catalogue_builder import build_catalogue, catalogue_text

    catalogue = catalogue_text(build_catalogue())
    fresh = {CATALOGUE_PATH: catalogue, SCHEMA_PATH: schema_text(Catalogue(json.loads(catalogue)))}
    return {path: text for path, text in fresh.items() if not path.is_file() or path.read_text("utf-8") != text}


def write_schema() -> list[Path]:
    """Writes the catalogue and the schema anew.

    Returns:
        The files that changed.
    """
    stale = stale_files()
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(stale)
