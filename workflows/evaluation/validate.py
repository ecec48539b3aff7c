"""Validation: a run → its figures on images it never trained on, and the pictures that explain them."""

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.latent_decoder import LatentDecoder
from builders.dataset_builder import Split
from builders.spec import Spec
from common.errors import RequestError
from common.files import write_atomically
from common.metric_words import labelled, metric_label, metric_text
from run_directory.run import LATENTS_FILE, Run
from workflows.console import lines, new_console, new_table
from workflows.evaluation.evaluation import evaluate
from workflows.evaluation.latent_pictures import LatentProbe
from workflows.evaluation.report import write_report
from workflows.evaluation.results import MetricResult, recipe_text
from workflows.outputs import check_validation
from workflows.plotting.curves import Spread, save_histograms, save_loss_curve
from workflows.plotting.grid import Example, pick_examples, save_grid
from workflows.plotting.style import attempt
from workflows.training.restore import Restored, restore

DEFAULT_SPLIT = "test"


@dataclass(frozen=True)
class Evaluation:
    """The results of a validation, and where they are.

    Args:
        run: The run.
        spec: Its spec.
        split: `train`, `validation` or `test`.
        checkpoint: `best`, `last` or a step, as asked for.
        step: The step of that checkpoint.
        count: Number of images.
        metrics: Name → figures.
        directory: Holds metrics.json, the arrays and the pictures.
        pictures: PNG files, the most telling first.
        undrawn: A line for each picture that could not be drawn.
        remarks: Sentences about what was not as asked.
        latents: The held-out protocol and how well latents separate classes, where the run has latents.
    """

    run: Run
    spec: Spec
    split: str
    checkpoint: str
    step: int
    count: int
    metrics: dict[str, MetricResult]
    directory: Path
    pictures: list[Path]
    undrawn: list[str]
    remarks: list[str]
    latents: Mapping[str, float | int | None] | None = None


def validate(
    run: Run,
    split: str | None = None,
    checkpoint: str = "best",
    samples: int | None = None,
    console: Console | None = None,
) -> Evaluation:
    """Measures a run and writes `evaluation/<split>-<checkpoint>/`, `figures/loss.png` and `report.html`.

    Args:
        run: The run.
        split: Which images. Unset: `test`, or `validation` where the spec sets no test images aside.
        checkpoint: `best`, `last` or a step.
        samples: At most so many images, the first of the split. Unset: all.
        console: Where progress is shown.

    Raises:
        RequestError: No such split or checkpoint, data that changed since the run trained, or a run that cannot be
            written to.
    """
    check_validation(run)
    console = console or new_console()
    restored = restore(run, checkpoint)
    chosen, remarks = _choose_split(restored, split)
    remarks = [*restored.remarks, *remarks]
    count = chosen.count if samples is None else min(samples, chosen.count)
    directory = run.evaluation_dir(chosen.name, str(checkpoint))
    probe = LatentProbe(restored.model) if isinstance(restored.model, LatentDecoder) else None
    results, skipped = evaluate(
        restored.model, chosen, count, directory, console, rebuild=probe.rebuild if probe else None
    )
    labels = chosen.labels[:count]
    latents = probe.figures(labels) if probe else None
    # The latents of an earlier checkpoint must not be beside the new figures.
    (directory / LATENTS_FILE).unlink(missing_ok=True)
    write_atomically(
        run.metrics_path(chosen.name, str(checkpoint)),
        json.dumps(
            {
                "count": count,
                "checkpoint": str(checkpoint),
                "step": restored.checkpoint.step,
                "split": chosen.name,
                "metrics": {name: result.as_json() for name, result in results.items()},
                **({"latents": latents} if latents else {}),
            },
            indent=1,
        )
        + "\n",
    )
    evaluation = Evaluation(
        run=run,
        spec=restored.spec,
        split=chosen.name,
        checkpoint=str(checkpoint),
        step=restored.checkpoint.step,
        count=count,
        metrics=results,
        directory=directory,
        pictures=[],
        undrawn=[],
        remarks=remarks + skipped,
        latents=latents,
    )
    evaluation.pictures.extend(_draw(evaluation, chosen, restored.model, probe))
    if probe:
        names = run.environment().get("dataset", {}).get("class_names", [])
        heading, say = _heading(evaluation), evaluation.undrawn.append
        evaluation.pictures.extend(probe.draw(directory, labels, names, heading, say))
    write_report(run)
    return evaluation


def _choose_split(restored: Restored, wanted: str | None) -> tuple[Split, list[str]]:
    """The split to measure, and a sentence where it is not what one would expect."""
    candidates = (wanted,) if wanted is not None else (DEFAULT_SPLIT, "validation", "train")
    for name in candidates:
        # Only this split's images are read: those of a large training split would take minutes.
        splits = restored.splits(only=[name])
        if name in splits:
            break
    else:
        there_are = ", ".join(restored.splits())
        raise RequestError(f"--split {wanted}: the spec sets no such images aside; there are {there_are}")
    if wanted is not None or name == DEFAULT_SPLIT:
        return splits[name], []
    what = "which chose the best checkpoint" if name == "validation" else "which the run was trained on"
    return splits[name], [f"The spec sets no test images aside; measured on the {name} images, {what}."]


def _draw(evaluation: Evaluation, split: Split, model: Reconstructor, probe: LatentProbe | None) -> list[Path]:
    directory, metrics = evaluation.directory, evaluation.metrics
    originals = np.load(directory / "originals.npy", mmap_mode="r")
    reconstructions = np.load(directory / "reconstructions.npy", mmap_mode="r")
    heading = _heading(evaluation)
    shown = [name for name in ("psnr", "ssim") if name in metrics]
    examples = []
    pairs = evaluation.run.inside("evaluation", directory.name, "pairs")
    shutil.rmtree(pairs, ignore_errors=True)  # an earlier validation may have shown other images
    picked = pick_examples(metrics["psnr"].values, larger_is_better=True)
    positions = [position for position, _ in picked]
    outputs = model.reconstruct_batch(split.sample(np.array(positions))) if probe is None else probe.outputs(positions)
    further = {name: images for name, images in outputs.items() if name != "image"}
    for index, (position, title) in enumerate(picked):
        figures = [labelled(name, metrics[name].values[position], metrics[name].words) for name in shown]
        title = f"{title}: {_short(split.name_of(position))}" if title else _short(split.name_of(position))
        others = {name: images[index] for name, images in further.items()}
        examples.append(Example(originals[position], reconstructions[position], title, "\n".join(figures), others))
        pair = {"original": originals[position], "reconstruction": reconstructions[position], **others}
        for name, image in pair.items():
            write_atomically(pairs / f"{name}_{position}.png", png_bytes(image))
    histograms = [
        Spread(
            metric_label(name), metrics[name].values, metrics[name].baseline, 2 if metrics[name].words["unit"] else 3
        )
        for name in shown
    ]
    say = evaluation.undrawn.append
    return [
        *attempt(lambda: save_grid(examples, directory / "grid.png", heading), "grid.png", say),
        *attempt(lambda: save_histograms(histograms, directory / "histograms.png", heading), "histograms.png", say),
        *attempt(lambda: draw_loss_curve(evaluation.run, evaluation.spec), "loss.png", say),
    ]


def _heading(evaluation: Evaluation) -> str:
    return f"{evaluation.spec.name} · {evaluation.count} {evaluation.split} images · step {evaluation.step}"


def draw_loss_curve(run: Run, spec: Spec) -> Path | None:
    """Draws a run's history into `figures/loss.png`; None where no epoch has finished yet."""
    history, state = run.history(), run.state()
    best = None
    if state.best is not None and state.best["step"] in history.get("step", []):
        best = history["epoch"][history["step"].index(state.best["step"])]
    return save_loss_curve(
        history, run.figures_dir / "loss.png", best, spec.name, metrics=[metric.name for metric in spec.metrics]
    )


def png_bytes(image: np.ndarray) -> bytes:
    """A float image [height, width, 1 or 3] in [0, 1] as an 8-bit PNG."""
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _latents_line(figures: Mapping[str, float | int | None]) -> str:
    line = f"latents: found in {figures['steps']} steps from {figures['restarts']} starting points each"
    held_out, train = figures["neighbour_accuracy_held_out"], figures["neighbour_accuracy_train"]
    if held_out is None or train is None:
        return line
    return f"{line}; 5 nearest neighbours name the class of {held_out:.1%} of them, and of {train:.1%} in training"


def _short(name: str, most: int = 20) -> str:
    name = Path(name).name
    return name if len(name) <= most else f"{name[: most - 1]}…"


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Prints measured beside baseline beside expected figures, and where the pictures are."""
    title = lines(
        str(evaluation.run.path),
        f"{evaluation.count} {evaluation.split} image{'s' * (evaluation.count > 1)}, "
        f"checkpoint {evaluation.checkpoint} (step {evaluation.step})",
    )
    expected = evaluation.spec.expected
    table = new_table("", "measured", "±", "baseline", *(["expected"] if expected else []), title=title)
    for name, result in evaluation.metrics.items():
        arrow = "↑" if result.larger_is_better else "↓"
        row = [f"{metric_label(name, result.words)} {arrow}"]
        row += [metric_text(name, value, result.words) for value in (result.mean, result.std, result.baseline)]
        if expected:
            row.append(metric_text(name, getattr(expected, name, None), result.words))
        table.add_row(*row)
    if expected and expected.minutes is not None:
        table.add_row(
            "training (minutes) ↓", f"{evaluation.run.state().seconds / 60:.1f}", "", "", f"{expected.minutes:g}"
        )
    console.print(table)
    if expected and expected.machine and evaluation.split == DEFAULT_SPLIT:
        console.print(f"expected: as measured on {expected.machine}")
    console.print("baseline: the same figure for each image's own mean colour")
    for name, result in evaluation.metrics.items():
        if result.recipe:
            console.print(f"{name}: {recipe_text(result.recipe)}")
    if evaluation.latents:
        console.print(_latents_line(evaluation.latents))
    for remark in evaluation.remarks:
        console.print(remark)
    console.print("pictures:")
    for path in [*evaluation.pictures, evaluation.run.report_path]:
        console.print(f"  {path}")
