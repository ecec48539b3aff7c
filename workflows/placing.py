"""Errors that name a path of the spec, given the place where that path was written."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from builders.spec import LoadedSpec, Spec, SpecErrors
from common.errors import RequestError

_PATH = re.compile(r"([a-z]\w*)((?:\.[\w-]+)*): ")


@contextmanager
def placed(loaded: LoadedSpec) -> Iterator[None]:
    """Puts `specs/x.yaml:14:7: ` before the message of a RequestError that begins with a path of the spec.

    Builders know paths, such as `decoder.layers.3.Conv2D`; only the loaded spec knows files and lines.
    """
    try:
        yield
    except SpecErrors:
        raise
    except RequestError as error:
        match = _PATH.match(str(error))
        if match is None or match[1] not in {field.name for field in fields(Spec)}:
            raise
        raise RequestError(f"{loaded.locate(match[1] + match[2])}: {error}") from error
