"""Export: a run → models that other programs use, proven equal to it, with manifest and model card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from architectures.reconstructors.base import Reconstructor
from architectures.weights.digest import weights_hash
from builders.model_builder import ModelBuilder
from builders.spec import Spec
from builders.spec.types import Encoder
from common.hub import is_address
from common.metric_words import labelled, metric_text
from workflows.command_line import captured, placed
from workflows.console import lines, new_table
from workflows.export.card import images_text, proof_cells, write_card
from workflows.export.formats import format_called, format_names
from workflows.export.manifest import describe_files, write_manifest
from workflows.export.parts import Part, parts_of
from workflows.export.proof import BatchedModel, Samples, gather_samples, prove, psnr
from workflows.export.refusal import refuse, refuse_search
from workflows.export.target import PARTS, Target, staged
from workflows.plotting.grid import Example, save_grid
from workflows.training.restore import Restored, embedding_shape, restore

_PACKAGES = ("tensorflow", "keras", "numpy")
_MOST_PICTURES = 6
# What the manifest keeps of a metric: all but the values of single images.
_FIGURES = ("label", "unit", "mean", "std", "baseline", "recipe")


@dataclass(frozen=True)
class Exported:
    """A finished export.

    Args:
        folder: Contains manifest.json, the model card and the models.
        manifest: The content of manifest.json.
        paths: Paths of the new models.
    """

    folder: Path
    manifest: Mapping[str, Any]
    paths: Sequence[str]


def export(target: Target, console: Console) -> Exported:
    """Writes parts of a run beside its export, proves them, and replaces the export.

    Args:
        target: What to write, from `choose_target`.
        console: Where progress is shown.

    Raises:
        RequestError: The format cannot hold a part, or the images that it is proven with are missing.
        ExportFailed: An exported model's outputs differ from the run's.
    """
    restored = restore(target.run, target.checkpoint)
    for line in filter(None, (target.remark, *restored.remarks)):
        console.print(line)
    if restored.spec.encoder.embeddings is not None:
        console.print("only a decoder: the run has no encoder, its codes are stored embeddings")
    model = in_float32(restored)
    parts = parts_of(model, restored.spec.dataset, target.parts)
    with staged(target.folder) as folder:
        kept = target.keep(folder)
        with placed(restored.loaded):
            for part in parts:
                if part.searches and not format_called(target.format).HOLDS_SEARCH:
                    raise refuse_search(part, target.format)
            samples = gather_samples(restored, model)
            for part in parts:
                form, _ = target.form(part.name)
                why = "" if form == target.format else f": {target.format} cannot hold its network"
                console.print(f"writing {target.location(part.name)}{why}")
                _write(part, target, folder, restored, model, samples)
        images = images_text(samples.split, len(samples.images), samples.distinct)
        console.print(f"comparing with the run on {images}, without Keras")
        paths = {part.name: folder / target.location(part.name) for part in parts}
        forms = {part.name: target.form(part.name) for part in parts}
        proof = prove(parts, paths, forms, samples, BatchedModel(model))
        content = _describe_run(target, restored, model, samples)
        content["pictures"] = _draw_pictures(folder, samples, restored.spec)
        written = [_describe_model(part, target, folder, proof) for part in parts]
        content["models"] = sorted([*target.kept_models(), *written], key=_order)
        write_card(folder, content)
        # Kept models keep the hash that they were proven with.
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
        inputs = samples.calibration_code
    name = part.main.inputs[0].name
    form, precision = target.form(part.name)
    calibration = [{name: inputs[index : index + 1]} for index in range(len(inputs))]
    try:
        with captured(1, 2):
            format_called(form).write(part, path, precision, calibration)
    except (ModuleNotFoundError, OSError):
        raise
    except Exception as error:  # converters raise errors of any type
        if format_called(form).HOLDS_SEARCH:  # such a format takes every layer
            raise
        alone = target.own_format is not None and part.name != "decoder"
        raise refuse(part, form, model, restored.spec, error, alone) from error
    for empty in [inside for inside in path.glob("*") if inside.is_dir() and not any(inside.iterdir())]:
        empty.rmdir()  # neither git nor the Hub keeps empty folders


def _order(model: Mapping[str, Any]) -> tuple[int, int, int]:
    """The default format first, the finest precision first, the encoder before the decoder."""
    precisions = list(format_called(model["format"]).PRECISIONS)
    return format_names().index(model["format"]), precisions.index(model["precision"]), PARTS.index(model["part"])


def print_exported(exported: Exported, console: Console) -> None:
    """Prints the proof of each new model, and the paths."""
    title = lines(str(exported.folder), f"step {exported.manifest['checkpoint']['step']}, against the run")
    table = new_table(
        "model", "signature", "difference ↓", "PSNR (dB) ↑", "loss (dB) ↓", "ms, batch 1", "MB", title=title, left=2
    )
    new = [model for model in exported.manifest["models"] if model["path"] in exported.paths]
    for model in new:
        signatures = model["proof"]["signatures"].values()
        for number, (cells, signature) in enumerate(zip(proof_cells(model), signatures)):
            path, name, difference, loss, milliseconds, size = cells
            levels = [figures["psnr"] for figures in signature["outputs"].values() if figures["psnr"] is not None]
            level = metric_text("psnr", min(levels)) if levels else "equal"
            path, loss, size = ("", "", "") if number else (path, loss, size)
            table.add_row(path, name, difference, level, loss, milliseconds, size)
    console.print(table)
    console.print("difference: the largest, in units of an image's range or of the code's largest value")
    for model in new:
        if model["proof"].get("composition") is not None:
            console.print(f"encoder, then decoder, differ from full by {model['proof']['composition']:.1e}")
    console.print(f"model card: {exported.folder / 'MODEL_CARD.md'}")


def _describe_run(target: Target, restored: Restored, model: Reconstructor, samples: Samples) -> dict[str, Any]:
    """The manifest without its models and files."""
    spec, step = restored.spec, restored.checkpoint.step
    evaluations = {
        name: {
            "count": found["count"],
            "metrics": {
                metric: {key: figures[key] for key in _FIGURES if key in figures}
                for metric, figures in found["metrics"].items()
            },
        }
        for name, found in target.run.evaluations().items()
        if found.get("step") == step
    }
    environment = target.run.environment()
    return {
        "name": spec.name,
        "description": spec.description,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "reconstructor": type(model).__name__,
        "image": {
            "shape": list(restored.image_shape),
            "range": [0, 1],
            "colour": "RGB" if restored.image_shape[-1] == 3 else "grey",
            "fit": spec.dataset.image.fit,
            "margin": spec.dataset.image.margin,
            "fitting_of_bytes_differs_by": samples.fitting_difference,
        },
        "code": {"shape": list(samples.code.shape[1:]), "largest_value": float(np.abs(samples.code).max())},
        "encoder": _plain(spec.encoder),
        "decoder": {"parameters": model.decoder.count_params()},
        "source": {"name": spec.dataset.source.name, "images": environment.get("dataset", {}).get("images", {})},
        "checkpoint": {
            "asked": target.asked,
            "step": step,
            "epoch": restored.checkpoint.epoch,
            "averaged": any(group.averages() for group in restored.model.trained_groups),
        },
        "origin": dict(target.origin),
        "weights": _weights(model),
        "precision": _precision(restored, model, samples),
        "evaluations": evaluations,
        "versions": {package: version(package) for package in _PACKAGES},
    }


def _plain(encoder: Encoder) -> dict[str, Any]:
    """An encoder in the spec's terms."""
    if encoder.embeddings is not None:
        return {"kind": encoder.kind, "file": Path(encoder.embeddings.path).name}
    if encoder.backbone is None:
        return {"kind": encoder.kind}
    weights = encoder.weights
    if not is_address(weights):
        weights = Path(weights).name  # without the folder, which may reveal a user's name
    file = encoder.backbone.arguments.get("path")
    own = {"file": Path(file).name} if isinstance(file, str) else {}
    return {"kind": "backbone", "backbone": encoder.backbone.name, **own, "weights": weights, "taps": [*encoder.taps]}


def _weights(model: Reconstructor) -> dict[str, str]:
    """Part of the network → sha256 of its weights."""
    own = [part for part in (getattr(model, "taps_model", None), *model.trained_parts) if part is not None]
    return {part.name: weights_hash(part.variables) for part in own}


def _precision(restored: Restored, model: Reconstructor, samples: Samples) -> dict[str, Any]:
    """The precision of training, and how far float32 changes the reconstructions."""
    trained = restored.model.dtype_policy.name
    if model is restored.model:
        return {"trained": trained, "exported": "float32"}
    own = restored.model.reconstruct_batch({"image": samples.images, "embedding": samples.code})["image"]
    return {
        "trained": trained,
        "exported": "float32",
        "largest_difference": float(np.abs(own - samples.outputs["image"]).max()),
        "psnr_between": psnr(own, samples.outputs["image"]),
    }


def _describe_model(part: Part, target: Target, folder: Path, proof: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's entry of a proven model."""
    name, precision = target.form(part.name)
    form, path = format_called(name), folder / target.location(part.name)
    files = sorted(file for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
    signatures = [signature.as_json() for signature in part.signatures if form.HOLDS_BYTES or not signature.takes_bytes]
    for signature in signatures:
        names = [tensor["name"] for tensor in signature["inputs"]]
        for output in signature["outputs"]:
            output["name"] = form.output_name(output["name"], names)
    return {
        "part": part.name,
        "format": name,
        "precision": precision,
        "path": target.location(part.name),
        "files": [file.relative_to(folder).as_posix() for file in files],
        "size": sum(file.stat().st_size for file in files),
        "signatures": signatures,
        **({"serving_default": part.main.name} if form.HOLDS_BYTES else {}),
        "proof": {
            **proof["parts"][part.name],
            **({"composition": proof["composition"]} if part.name == "full" else {}),
        },
        "written_with": {package: version(package) for package in form.PACKAGES},
    }


def _draw_pictures(folder: Path, samples: Samples, spec: Spec) -> list[str]:
    """Draws originals, reconstructions and errors for the model card; returns the paths inside the export."""
    places = np.linspace(0, len(samples.images) - 1, _MOST_PICTURES).round().astype(int)
    examples = []
    for place in dict.fromkeys(places.tolist()):
        original, image = samples.images[place], samples.outputs["image"][place]
        caption = labelled("psnr", psnr(original[np.newaxis], image[np.newaxis]))
        further = {name: images[place] for name, images in samples.outputs.items() if name != "image"}
        examples.append(Example(original, image, "", caption, further))
    path = folder / "images" / "examples.png"
    path.parent.mkdir()
    save_grid(examples, path, f"{spec.name}: {samples.split} images")
    return [path.relative_to(folder).as_posix()]


def in_float32(restored: Restored) -> Reconstructor:
    """The run's model if it computes in float32, else the same network and weights in float32.

    Mixed precision keeps weights in float32, so none is rounded.
    """
    model = restored.model
    if model.dtype_policy.compute_dtype == "float32":
        return model
    spec = replace(restored.spec, training=replace(restored.spec.training, precision="float32"))
    trained_on = restored.run.environment()["dataset"]["images"]["train"]
    twin = ModelBuilder(
        spec, model.image_shape, train_count=trained_on, embedding_shape=embedding_shape(restored.run)
    ).build()
    for source, target in zip(model.variables, twin.variables, strict=True):
        target.assign(source)
    return twin
