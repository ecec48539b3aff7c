"""Formats that a part can be written in: one file each, and nothing else to edit.

A format's file is also what the checking program reads the export with, in a process that can import neither Keras
nor this project (see `workflows.export.check`). So at its top it imports the standard library and NumPy, and what it
needs to write is imported inside `write`. It is found by lying here and offers what `Format` lists.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import keras
    import numpy as np

    from workflows.export.parts import Part

# Name of an input or output → its values.
Arrays = Mapping[str, "np.ndarray"]
Call = Callable[[str, Arrays], "dict[str, np.ndarray]"]


class Format(Protocol):
    """What a format's module offers.

    Attributes:
        PRECISIONS: Precision of the weights → how much it may differ from the run: `{"difference": 1e-5}`, in units
            of an image's range or of the largest value of the code; or `{"loss": 1.0}`, in dB of PSNR.
        PACKAGES: What must be installed to write and read it, as pip calls it.
        HOLDS_BYTES: Whether several signatures fit in: those that take encoded image files, and `serving_default`.
        HOLDS_SEARCH: Whether a code that is found by optimisation fits in.
    """

    PRECISIONS: Mapping[str, Mapping[str, float]]
    PACKAGES: Sequence[str]
    HOLDS_BYTES: bool
    HOLDS_SEARCH: bool

    def location(self, part: str, precision: str) -> str:
        """Path of a part inside the export: a file or a folder."""

    def output_name(self, name: str, inputs: Collection[str]) -> str:
        """What an output is called in the file, where the names of inputs cannot be used twice."""

    def write(self, part: "Part", path: Path, precision: str, calibration: Sequence[Arrays]) -> None:
        """Writes a part.

        Args:
            part: The part.
            path: Where; what is above it exists.
            precision: One of `PRECISIONS`.
            calibration: Inputs that occur, for int8 weights; each a batch of one.

        Raises:
            Exception: Whatever the converter objects to.
        """

    def advice(self, layer: "keras.layers.Layer") -> str | None:
        """What to change in the spec where this format does not take a layer, if there is something to know."""

    def load(self, path: str) -> Call:
        """Opens a part for calls: (signature, inputs) → outputs. Needs neither Keras nor this project."""


def format_names() -> list[str]:
    """All formats, the default first. Imports none of them."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return sorted(names, key=lambda name: name != "savedmodel")


def format_called(name: str) -> Any:
    """A format's module, which is a `Format`."""
    return importlib.import_module(f"{__name__}.{name}")


def format_file(name: str) -> Path:
    """The source of a format's `load`, which the checking program reads by its path."""
    return Path(inspect.getfile(format_called(name).load))
