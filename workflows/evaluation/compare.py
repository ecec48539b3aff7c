"""Comparing runs: their figures, what differs between their specs, their curves on top of each other."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from builders.spec.nodes import differences
from common.errors import RequestError
from common.formatting import duration_text
from common.metric_words import metric_label, metric_text
from common.program import typed
from run_directory.run import Run
from run_directory.summary import headline_evaluation
from workflows.console import new_table
from workflows.outputs import check_outputs, files_read_by, own_file
from workflows.plotting.curves import save_overlaid_curves
from workflows.plotting.style import check_format


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side; every list has one entry for each run.

    Args:
        labels: Short names that distinguish the runs.
        evaluations: Which evaluation the figures come from, such as `test-best`; None where there is none.
        figures: Metric → means; None where a run lacks it.
        recorded: Metric → an entry of metrics.json, which has its label and unit.
        training: Words such as `epochs` → text.
        differences: Path of the spec → values, where they are not all equal.
        curves: The PNG of overlaid curves, or None where no run has finished an epoch.
        same_images: Whether all figures were measured on the same images.
        recipes: Metric → what its recipes do not have in common, in a few words; only where they differ.
    """

    labels: list[str]
    evaluations: list[str | None]
    figures: dict[str, list[float | None]]
    recorded: dict[str, Mapping[str, Any]]
    training: dict[str, list[str]]
    differences: dict[str, list[Any]]
    curves: Path | None
    same_images: bool
    recipes: dict[str, str]


def compare(selected: Sequence[Run], out: str | os.PathLike, force: bool = False) -> Comparison:
    """Compares runs and draws their curves into `out`.

    Each run counts with its evaluation on test images, or else with another one.

    Args:
        selected: The runs.
        out: The picture to write.
        force: Also replace a file that no comparison wrote.

    Raises:
        RequestError: Fewer than two runs, the same run twice, or `out` is a file that no comparison wrote.
    """
    paths = [run.path.resolve() for run in selected]
    if len(set(paths)) < 2 or len(set(paths)) < len(paths):
        raise RequestError(f"compare: give at least two different runs; `{typed('runs')}` lists them")
    check_format(out)
    check_outputs("compare", [Path(out)], _images_read(selected), force)
    labels = _labels(selected)
    chosen = [headline_evaluation(run) for run in selected]
    recorded = {name: entry for _, evaluation in chosen for name, entry in evaluation.get("metrics", {}).items()}
    states = [run.state() for run in selected]
    return Comparison(
        labels=labels,
        evaluations=[name for name, _ in chosen],
        figures={
            metric: [evaluation.get("metrics", {}).get(metric, {}).get("mean") for _, evaluation in chosen]
            for metric in recorded
        },
        recorded=recorded,
        training={
            "state": [state.status for state in states],
            "epochs": [f"{state.epoch}/{state.epochs}" if state.epochs else "–" for state in states],
            "training time": [duration_text(state.seconds) for state in states],
        },
        differences=differences([run.resolved_spec() for run in selected]),
        curves=_draw_curves(labels, selected, recorded, Path(out)),
        same_images=len({_images(evaluation) for _, evaluation in chosen if evaluation}) <= 1,
        recipes=_different_recipes([evaluation.get("metrics", {}) for _, evaluation in chosen]),
    )


def _different_recipes(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Metric → the keys that recipes do not agree in."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for metrics in evaluations:
        for name, entry in metrics.items():
            if "mean" in entry:
                found.setdefault(name, []).append(entry.get("recipe") or {})
    different = {
        name: [
            key
            for key in dict.fromkeys(key for recipe in recipes for key in recipe)
            # Where a digest is known, it decides: the same weights may be in files of several names.
            if not (key == "weights" and all("sha256" in recipe for recipe in recipes))
            and len({recipe.get(key) for recipe in recipes}) > 1
        ]
        for name, recipes in found.items()
    }
    return {name: ", ".join(keys) for name, keys in different.items() if keys}


def _images_read(selected: Sequence[Run]) -> Iterator[Path]:
    """Where the runs' images come from, as far as their specs can be read."""
    for run in selected:
        with contextlib.suppress(RequestError):
            yield from files_read_by(run.load_spec().spec)


def _draw_curves(
    labels: Sequence[str], selected: Sequence[Run], recorded: Mapping[str, Mapping[str, Any]], out: Path
) -> Path | None:
    histories = {label: run.history() for label, run in zip(labels, selected)}
    metrics = dict.fromkeys(name for run in selected for name in _metrics(run.resolved_spec().get("metrics")))
    with own_file(out, "compare") as picture:
        drawn = save_overlaid_curves(histories, picture, metrics=list(metrics), recorded=recorded)
        return out if drawn else None


def _metrics(resolved: Any) -> list[str]:
    """Names of the metrics of a resolved spec, whose plugins may not be loaded."""
    entries = resolved if isinstance(resolved, list) else []
    names = [next(iter(entry), None) if isinstance(entry, Mapping) else entry for entry in entries]
    return [name for name in names if isinstance(name, str)]


def _labels(selected: Sequence[Run]) -> list[str]:
    names = [run.path.resolve().parent.name for run in selected]
    if len(set(names)) == len(names):
        return names
    return [f"{name}/{run.path.resolve().name}" for name, run in zip(names, selected)]


def _images(evaluation: Mapping[str, Any]) -> tuple:
    """What distinguishes sets of images: how many, and the figures of their mean colours, which depend on no model."""
    baselines = [(name, metric.get("baseline")) for name, metric in sorted(evaluation.get("metrics", {}).items())]
    return evaluation.get("count"), *(pair for pair in baselines if pair[0] in ("mse", "psnr"))


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Prints the figures, the differences, and where the curves are."""
    table = new_table("", *comparison.labels)
    for words, texts in comparison.training.items():
        table.add_row(words, *texts)
    table.add_row("measured on", *(name or "not validated" for name in comparison.evaluations))
    for metric, means in comparison.figures.items():
        recorded = comparison.recorded[metric]
        table.add_row(metric_label(metric, recorded), *(metric_text(metric, mean, recorded) for mean in means))
    console.print(table)
    if not comparison.same_images:
        console.print("These figures were measured on different images, so they do not say which run is better.")
    for metric, keys in comparison.recipes.items():
        console.print(f"{metric} was measured by different recipes ({keys}), so its figures do not compare.")
    if comparison.differences:
        table = new_table("the specs differ in", *comparison.labels)
        for path, values in comparison.differences.items():
            table.add_row(path, *("–" if value is None else _short(value) for value in values))
        console.print(table)
    else:
        console.print("The specs are equal.")
    for label, evaluation in zip(comparison.labels, comparison.evaluations):
        if evaluation is None:
            console.print(f"{label} has no figures yet: {typed('validate')} measures it")
    if comparison.curves is not None:
        console.print(f"curves: {comparison.curves}")


def _short(value: Any, most: int = 40) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"
