"""The files of a published network: in a folder, or in a repository of the Hub."""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from architectures.transformers.settings import read_json
from architectures.weights.preprocessing import Preprocessing
from architectures.weights.torch_state import read_state
from common.formatting import printable
from common.hub import HubError, HubFile, download, is_address, repository

CONFIG, WEIGHTS, INDEX, KERAS_WEIGHTS = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model.weights.h5",
)
_PREPROCESSOR = "preprocessor_config.json"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\.safetensors")
_MOST_FILES = 100


class Preset:
    """A folder, or `hf://owner/name`, with a config.json and weights beside it.

    Args:
        given: What the spec names.
        fetch: File name → its path, where `given` is no folder and no address.

    Attributes:
        config: The config.json, of which nothing is checked but that it is a JSON object.

    Raises:
        ValueError: There is none, or it cannot be read.
    """

    def __init__(self, given: str, fetch: Callable[[str], Path] | None = None):
        self.given = given.rstrip("/") or given
        self._fetch = fetch
        self._repository = repository(self.given) if is_address(self.given) else None
        if self._repository is None and fetch is None and not self._folder.is_dir():
            what = "is no folder" if self._folder.exists() else "no such folder"
            raise ValueError(f"{printable(given)}: {what}; paths are relative to {printable(os.getcwd())}")
        self.config: dict[str, Any] = read_json(self.file(CONFIG), f"{self.given}/{CONFIG}")

    @property
    def _folder(self) -> Path:
        return Path(os.path.expanduser(self.given))

    @property
    def of_keras(self) -> bool:
        """Whether KerasHub wrote it."""
        return "class_name" in self.config

    def file(self, name: str) -> Path:
        """The path of a file. Raises ValueError where it lacks."""
        if self._fetch is not None:
            return self._fetch(name)
        if self._repository is not None:
            return download(HubFile(self._repository[0], name, self._repository[1]))
        if not (self._folder / name).exists():
            raise ValueError(f"{printable(self.given)} has no {name}")
        return self._folder / name

    def preprocessing(self) -> Preprocessing | None:
        """The mean and standard deviation that the preset states; None where it states none.

        Raises:
            ValueError: What it states cannot be used.
        """
        try:
            path = self.file(_PREPROCESSOR)
        except (HubError, ValueError):
            return None
        shown = f"{self.given}/{_PREPROCESSOR}"
        found = read_json(path, shown)
        if found.get("do_normalize") is False:
            return Preprocessing()
        mean, deviation = found.get("image_mean"), found.get("image_std")
        if mean is None or deviation is None:
            return None
        for values, low in ((mean, -10.0), (deviation, 1e-3)):
            numbers = isinstance(values, list) and all(isinstance(value, int | float) for value in values)
            if not numbers or len(values) != 3 or not all(low <= value <= 10 for value in values):
                raise ValueError(f"{printable(shown)}: expected three small numbers, got {printable(str(values))[:60]}")
        return normalising(mean, deviation)

    def tensors(self, names: Collection[str]) -> dict[str, np.ndarray]:
        """Tensors of the safetensors files; missing ones are left out.

        Raises:
            ValueError: There are no such files, or they cannot be read.
        """
        try:
            path = self.file(WEIGHTS)
        except ValueError:
            return self._from_several(names)
        return read_state(path, names)

    def _from_several(self, names: Collection[str]) -> dict[str, np.ndarray]:
        try:
            path = self.file(INDEX)
        except ValueError as error:
            raise ValueError(f"{printable(self.given)} has no {WEIGHTS}; other formats are not read") from error
        shown = f"{self.given}/{INDEX}"
        places = read_json(path, shown).get("weight_map")
        if not isinstance(places, dict):
            raise ValueError(f"{printable(shown)} has no weight_map")
        files = {name: file for name, file in places.items() if name in names}
        wrong = [file for file in files.values() if not isinstance(file, str) or not _PLAIN.fullmatch(file)]
        if wrong or len(set(files.values())) > _MOST_FILES:
            raise ValueError(f"{printable(shown)} names other files than .safetensors beside it")
        found: dict[str, np.ndarray] = {}
        for file in sorted(set(files.values())):
            found |= read_state(self.file(file), {name for name, place in files.items() if place == file})
        return found


def normalising(mean: Any, deviation: Any) -> Preprocessing:
    """(image − mean) / deviation, for each channel."""
    first, second, third = (1 / value for value in deviation)
    offsets = [-m / d for m, d in zip(mean, deviation)]
    return Preprocessing((first, second, third), (offsets[0], offsets[1], offsets[2]))
