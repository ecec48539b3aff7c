"""Labels, units and values of metrics as texts. A metric's class is the source of its label and its unit."""

import contextlib
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from common.definitions import definitions
from common.errors import RequestError
from common.formatting import printable
from common.plugins import Plugin, plugin_definitions, plugins
from common.registry import METRICS
from common.source_code import ROOT, SourceFile, opened

_LONGEST = 40  # characters of a label or a unit that a run recorded


def metric_label(name: str, recorded: Mapping[str, Any] | None = None, with_unit: bool = True) -> str:
    """`psnr` → `PSNR (dB)`, `normalized_error` → `normalized error`.

    Args:
        name: The metric.
        recorded: Its entry in metrics.json. Its `label` and `unit`, if any, are used: a plugin may not be loaded.
        with_unit: Append the unit.
    """
    label, unit = _words(name, recorded)
    return f"{label} ({unit})" if with_unit and unit else label


def metric_text(
    name: str, value: float | None, recorded: Mapping[str, Any] | None = None, with_unit: bool = False
) -> str:
    """A metric's value: 2 decimals where it has a unit, else 4; `∞` for equal images, `–` for None."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit := _words(name, recorded)[1]:
        return f"{value:.2f} {unit}" if with_unit else f"{value:.2f}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"


def labelled(name: str, value: float | None, recorded: Mapping[str, Any] | None = None) -> str:
    """`PSNR 19.54 dB`."""
    return f"{metric_label(name, recorded, with_unit=False)} {metric_text(name, value, recorded, with_unit=True)}"


def _words(name: str, recorded: Mapping[str, Any] | None) -> tuple[str, str]:
    """Label and unit: those that a run recorded, else those of the class."""
    recorded = recorded or {}
    loaded: tuple[Plugin, ...] = ()
    with contextlib.suppress(RequestError):  # `check` reports plugins that cannot be found
        loaded = plugins()
    label, unit = _of_classes(loaded).get(name, ("", ""))
    label, unit = recorded.get("label", label), recorded.get("unit", unit)
    if not isinstance(label, str) or not isinstance(unit, str):  # a damaged run
        label, unit = "", ""
    return printable(label or name.replace("_", " "))[:_LONGEST], printable(unit)[:_LONGEST]


@lru_cache(maxsize=4)
def _of_classes(_: tuple[Plugin, ...]) -> Mapping[str, tuple[str, str]]:
    """Metric → label and unit, read from the source files; nothing is imported."""
    files: dict[Path, SourceFile] = {}
    found = [
        item
        for path in sorted(ROOT.joinpath(*str(METRICS.package).split(".")).glob("*.py"))
        for item in definitions(opened(path, ROOT, files))
    ]
    with contextlib.suppress(RequestError):  # `check` reports a plugin that cannot be read
        found += [definition for _, definition in plugin_definitions()]
    words = {}
    for item in found:
        if item.kind == "metric":
            with contextlib.suppress(RequestError):
                words[item.name] = (item.cls.constant("label", ""), item.cls.constant("unit", ""))
    return words
