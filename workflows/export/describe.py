"""What an export's manifest says of the run, and of each model."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from architectures.reconstructors.base import Reconstructor
from builders.spec.types import Encoder
from workflows.export.formats import format_called
from workflows.export.parts import Part
from workflows.export.samples import Samples, psnr
from workflows.export.target import Target
from workflows.training.checkpoints import weights_hash
from workflows.training.restore import Restored

_PACKAGES = ("tensorflow", "keras", "numpy")


def describe_run(target: Target, restored: Restored, model: Reconstructor, samples: Samples) -> dict[str, Any]:
    """The manifest without its models and files."""
    spec, step = restored.spec, restored.checkpoint.step
    evaluations = {
        name: {
            "count": found["count"],
            "metrics": {
                metric: {key: figures[key] for key in ("mean", "std", "baseline")}
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
    """What an encoder is, in words of the spec."""
    if encoder.backbone is None:
        return {"kind": encoder.kind}
    weights = Path(encoder.weights).name  # where a file lay is nobody's business
    return {"kind": "backbone", "backbone": encoder.backbone.name, "weights": weights, "taps": list(encoder.taps)}


def _weights(model: Reconstructor) -> dict[str, str]:
    """Part of the network → sha256 of its weights."""
    own = [part for part in (getattr(model, "taps_model", None), *model.trained_parts) if part is not None]
    return {part.name: weights_hash(part.variables) for part in own}


def _precision(restored: Restored, model: Reconstructor, samples: Samples) -> dict[str, Any]:
    """What the run was trained in, and what float32 changes in its reconstructions."""
    trained = restored.model.dtype_policy.name
    if model is restored.model:
        return {"trained": trained, "exported": "float32"}
    own = restored.model.reconstruct(samples.images)["image"]
    return {
        "trained": trained,
        "exported": "float32",
        "largest_difference": float(np.abs(own - samples.outputs["image"]).max()),
        "psnr_between": psnr(own, samples.outputs["image"]),
    }


def describe_model(part: Part, target: Target, folder: Path, proof: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's entry of a model that was written and proven."""
    form, path = format_called(target.format), folder / target.location(part.name)
    files = sorted(file for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
    signatures = [signature.as_json() for signature in part.signatures if form.HOLDS_BYTES or not signature.takes_bytes]
    for signature in signatures:
        names = [tensor["name"] for tensor in signature["inputs"]]
        for output in signature["outputs"]:
            output["name"] = form.output_name(output["name"], names)
    return {
        "part": part.name,
        "format": target.format,
        "precision": target.precision,
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
