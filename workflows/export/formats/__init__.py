"""Formats that a part can be written in: one file each, and nothing else to edit.

The checking program also loads a format's file, in a process that can import neither Keras nor this project (see
`workflows.export.check`). So a format imports only the standard library and NumPy at its top, and the rest inside
`write`. Every module in this folder is a format, and implements `Format`.
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
    """The interface of a format's module.

    Attributes:
        PRECISIONS: Precision of the weights → allowed difference from the run: `{"difference": 1e-5}`, in units of an
            image's range or of the code's largest value; or `{"loss": 1.0}`, in dB of PSNR.
        PACKAGES: The packages that write and read it, by pip's names.
        HOLDS_BYTES: Whether it can hold several signatures, also those of encoded image files, and `serving_default`.
        HOLDS_SEARCH: Whether it can hold a search for latents.
    """

    PRECISIONS: Mapping[str, Mapping[str, float]]
    PACKAGES: Sequence[str]
    HOLDS_BYTES: bool
    HOLDS_SEARCH: bool

    def location(self, part: str, precision: str) -> str:
        """Path of a part inside the export: a file or a folder."""

    def output_name(self, name: str, inputs: Collection[str]) -> str:
        """The name of an output in the file; some formats do not allow an output to be named like an input."""

    def write(self, part: "Part", path: Path, precision: str, calibration: Sequence[Arrays]) -> None:
        """Writes a part.

        Args:
            part: The part.
            path: Where; its parent exists.
            precision: One of `PRECISIONS`.
            calibration: Typical inputs, for int8 weights; each a batch of one.

        Raises:
            Exception: The converter's error, of any type.
        """

    def advice(self, layer: "keras.layers.Layer") -> str | None:
        """What to change in the spec where this format does not support a layer; None if unknown."""

    def load(self, path: str) -> Call:
        """Opens a part: returns (signature, inputs) → outputs. Needs neither Keras nor this project."""


def format_names() -> list[str]:
    """All formats, the default first. Imports none of them."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return sorted(names, key=lambda name: name != "savedmodel")


def format_called(name: str) -> Any:
    """A format's module, which implements `Format`."""
    return importlib.import_module(f"{__name__}.{name}")


def format_file(name: str) -> Path:
    """The source file of a format's `load`, for the checking program."""
    return Path(inspect.getfile(format_called(name).load))
