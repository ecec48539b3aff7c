"""Where images come from, one file per kind. A new file here needs no other edit."""

import inspect

from builders.sources.source import Source
from builders.spec.values import Choice
from common.errors import RequestError
from common.registry import SOURCES, UnknownEntryError

__all__ = ["Source", "open_source"]


def open_source(choice: Choice) -> Source:
    """The source that `dataset.source` names.

    Args:
        choice: Name and arguments.

    Returns:
        The source, opened.

    Raises:
        RequestError: No such source or argument, or it names something that is not there.
    """
    try:
        entry = SOURCES.get(choice.name)
    except UnknownEntryError as error:
        raise RequestError(f"dataset.source: {error}") from None
    try:
        inspect.signature(entry).bind(**choice.arguments)
    except TypeError as error:
        raise RequestError(f"dataset.source.{choice.name}: {error}") from None
    return entry(**choice.arguments)
