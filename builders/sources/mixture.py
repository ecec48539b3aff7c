"""Several sources in one, each with a share of the images that train."""

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from builders.sources import Source, open_source
from builders.sources.combined import Combined
from builders.spec.values import Choice
from common.errors import RequestError
from common.formatting import printable
from common.registry import SOURCES, Range

_WHERE = "dataset.source.mixture"


@SOURCES.register("mixture")
class Mixture(Combined):
    """Images of several sources of any kinds, with a share for each in training.

    With weights, training draws images so that the sources have these shares in every epoch, whatever their numbers of
    images; an epoch still has as many images as there are training images. Classes of equal name are one class, and
    so are parts. Names of images begin with the last part of their source's path.

    Args:
        sources: The sources, each as `dataset.source` takes it.
        weights: How often each source is drawn from in training, such as [3, 1]. Unset: all images equally.

    Example:
        mixture: {sources: [{folder: {path: data/a}}, {zip: {path: data/b.zip}}], weights: [3, 1]}
    """

    def __init__(self, sources: list[Choice], weights: list[Annotated[float, Range(above=0)]] | None = None):
        if not sources:
            raise RequestError(f"{_WHERE}.sources: expected at least one source, got none")
        if weights is not None:
            if len(weights) != len(sources):
                raise RequestError(
                    f"{_WHERE}.weights: expected one for each of {len(sources)} sources, got {len(weights)}"
                )
            if not all(math.isfinite(weight) and weight > 0 for weight in weights):
                raise RequestError(
                    f"{_WHERE}.weights: expected numbers above 0, got {list(weights)}; leave out what is not wanted"
                )
        self.weights = None if weights is None else tuple(map(float, weights))
        choices = [_choice(source) for source in sources]
        super().__init__([_opened(choice, place) for place, choice in enumerate(choices)], _prefixes(choices))

    def shares(self) -> tuple[np.ndarray, tuple[float, ...]] | None:
        """The number of each image's source, and the weight of each source."""
        return None if self.weights is None else (self.member_of(), self.weights)

    def fingerprint(self) -> str:
        """sha256 of the sources' fingerprints and of the weights."""
        return hashlib.sha256(f"{super().fingerprint()} {self.weights}".encode()).hexdigest()


def _choice(source: Choice | Mapping[str, Any]) -> Choice:
    if isinstance(source, Choice):
        return source
    [(name, arguments)] = source.items()
    return Choice(name, arguments or {})


def _opened(choice: Choice, place: int) -> Source:
    """A source, whose errors and settings name their place in the spec."""
    here = f"{_WHERE}.sources.{place}"
    try:
        source = open_source(choice)
    except RequestError as error:
        raise RequestError(str(error).replace("dataset.source", here, 1)) from None
    if source.value_range_key is not None:
        source.value_range_key = source.value_range_key.replace("dataset.source", here, 1)
    return source


def _prefixes(choices: list[Choice]) -> list[str]:
    """`photos/` for `data/photos`; the name of the kind where there is no path; with a number where two are equal."""
    found: list[str] = []
    for choice in choices:
        path = choice.arguments.get("path") or choice.arguments.get("images")
        name = str(path).replace("\\", "/").rstrip("/").rpartition("/")[2] if path else choice.name
        name, number = name if name.strip(".") else choice.name, 2
        unique = name
        while f"{unique}/" in found:
            unique, number = f"{name}-{number}", number + 1
        found.append(f"{unique}/")
    return [printable(prefix) for prefix in found]
