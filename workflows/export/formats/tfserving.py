"""SavedModels in the folders that TensorFlow Serving expects: one for each model, with numbered versions."""

from workflows.export.formats.savedmodel import (  # noqa: F401 (all but the location is the same)
    HOLDS_BYTES,
    HOLDS_SEARCH,
    PACKAGES,
    PRECISIONS,
    advice,
    load,
    output_name,
    write,
)


def location(part, precision):
    """`tfserving/encoder/1`."""
    return f"tfserving/{part}/1"
