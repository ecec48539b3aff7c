"""Export: a run → models that other programs use, proven equal to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from architectures.reconstructors.base import Reconstructor
from common.formatting import metric_text
from workflows.command_line import placed
from workflows.console import lines, new_table
from workflows.export.card import write_card
from workflows.export.describe import describe_model, describe_run
from workflows.export.float32 import in_float32
from workflows.export.formats import format_called, format_names
from workflows.export.manifest import describe_files, write_manifest
from workflows.export.parts import Part, parts_of
from workflows.export.pictures import draw_pictures
from workflows.export.proof import prove
from workflows.export.quiet import quietly
from workflows.export.refusal import refuse, refuse_search
from workflows.export.samples import Answers, Samples, gather_samples
from workflows.export.staging import staged
from workflows.export.target import PARTS, Target
from workflows.training.restore import Restored, restore


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Args:
        folder: Holds manifest.json, the model card, and the models.
        manifest: What manifest.json holds.
        paths: Those models of it that are new.
    """

    folder: Path
    manifest: Mapping[str, Any]
    paths: Sequence[str]


def export(target: Target, console: Console) -> Exported:
    """Writes parts of a run beside its export, proves them, and puts them in its place.

    Args:
        target: What to write, as `choose_target` allowed it.
        console: Where progress is shown.

    Raises:
        RequestError: The format cannot hold a part, or the data that it is proven with are gone.
        ExportFailed: What was written answers otherwise than the run.
    """
    form = format_called(target.format)
    restored = restore(target.run, target.checkpoint)
    for line in filter(None, (target.remark, *restored.remarks)):
        console.print(line)
    model = in_float32(restored)
    parts = parts_of(model, restored.spec.dataset, target.parts)
    with staged(target.folder) as folder:
        kept = target.keep(folder)
        with placed(restored.loaded):
            for part in parts:
                if part.searches and not form.HOLDS_SEARCH:
                    raise refuse_search(part, target.format)
            samples = gather_samples(restored, model)
            for part in parts:
                console.print(f"writing {target.location(part.name)}")
                _write(part, target, folder, restored, model, samples)
        console.print(f"comparing with the run on {len(samples.images)} {samples.split} images, without Keras")
        paths = {part.name: folder / target.location(part.name) for part in parts}
        proof = prove(parts, paths, target.format, target.precision, samples, Answers(model))
        content = describe_run(target, restored, model, samples)
        content["pictures"] = draw_pictures(folder, samples, restored.spec)
        written = [describe_model(part, target, folder, proof) for part in parts]
        content["models"] = sorted([*target.kept_models(), *written], key=_order)
        write_card(folder, content)
        # What was proven by an earlier export keeps the hash it was proven with.
        content["files"] = describe_files(folder) | kept
        manifest = write_manifest(folder, content)
        target.keep_others(folder)
    return Exported(target.folder, manifest, [entry["path"] for entry in written])


def _write(
    part: Part, target: Target, folder: Path, restored: Restored, model: Reconstructor, samples: Samples
) -> None:
    path = folder / target.location(part.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs = samples.calibration
    if part.name == "decoder" and target.precision == "int8":
        inputs = Answers(model).encode(samples.calibration)
    name = part.main.inputs[0].name
    calibration = [{name: inputs[index : index + 1]} for index in range(len(inputs))]
    try:
        with quietly():
            format_called(target.format).write(part, path, target.precision, calibration)
    except (ModuleNotFoundError, OSError):
        raise
    except Exception as error:  # a converter raises whatever it stumbles over
        if format_called(target.format).HOLDS_SEARCH:  # and so holds everything
            raise
        raise refuse(part, target.format, model, restored.spec, error) from error
    for empty in [inside for inside in path.glob("*") if inside.is_dir() and not any(inside.iterdir())]:
        empty.rmdir()  # neither git nor the Hub keeps empty folders


def _order(model: Mapping[str, Any]) -> tuple[int, int, int]:
    """The default format first, the finest precision first, the encoder before the decoder."""
    precisions = list(format_called(model["format"]).PRECISIONS)
    return format_names().index(model["format"]), precisions.index(model["precision"]), PARTS.index(model["part"])


def print_exported(exported: Exported, console: Console) -> None:
    """Prints what was proven of each new model, and where everything is."""
    title = lines(str(exported.folder), f"step {exported.manifest['checkpoint']['step']}, against the run")
    table = new_table(
        "model", "signature", "difference ↓", "PSNR (dB) ↑", "loss (dB) ↓", "ms, batch 1", "MB", title=title, left=2
    )
    for model in exported.manifest["models"]:
        if model["path"] not in exported.paths:
            continue
        proof = model["proof"]
        for number, (name, signature) in enumerate(proof["signatures"].items()):
            outputs = list(signature["outputs"].values())
            levels = [figures["psnr"] for figures in outputs if figures["psnr"] is not None]
            first = number == 0
            table.add_row(
                model["path"] if first else "",
                name,
                f"{max(figures['largest_difference'] for figures in outputs):.1e}",
                metric_text("psnr", min(levels)) if levels else "equal",
                metric_text("psnr", proof.get("loss_db")) if first else "",
                f"{signature['latency_ms']['1']:.2f}",
                f"{model['size'] / 1e6:.2f}" if first else "",
            )
    console.print(table)
    console.print("difference: the largest, in units of an image's range or of the code's largest value")
    for model in exported.manifest["models"]:
        if model["path"] in exported.paths and model["proof"].get("composition") is not None:
            console.print(f"encoder, then decoder, differ from full by {model['proof']['composition']:.1e}")
    console.print(f"model card: {exported.folder / 'MODEL_CARD.md'}")
