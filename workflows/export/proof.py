"""The proof: a process without Keras opens what was written, and its answers are compared with the run's."""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import WorkFailed
from workflows.export import check
from workflows.export.formats import format_called, format_file
from workflows.export.parts import Part, Signature
from workflows.export.samples import Answers, Samples, psnr

# What the checking process must not be able to import: Keras in all its names, and this project.
HIDDEN = (
    *("keras", "tf_keras", "keras_core"),
    *("architectures", "builders", "common", "run_directory", "workflows", "viewer", "cli", "exporter"),
)


# How long each latency is measured.
SECONDS = 0.4
# What an image alone may differ from the same image in a batch, where weights are rounded and no difference is allowed
# for otherwise.
_ALONE = 1e-4
# Steps of a search for latents after which that is measured.
_BRIEF = 5


class ExportFailed(WorkFailed):
    """What was written does not answer as the run does. Nothing of it is kept."""


def prove(
    parts: Sequence[Part], paths: Mapping[str, Path], format: str, precision: str, samples: Samples, answers: Answers
) -> dict[str, Any]:
    """Compares written parts with the run.

    Args:
        parts: The parts.
        paths: Part → where it was written.
        format: Its format.
        precision: Of its weights.
        samples: Images and the run's answers.
        answers: The run's model, which decodes the codes of encoders whose weights were rounded.

    Returns:
        `{"parts": {part: proof}, "composition": largest difference between encoder → decoder and full, or None}`.

    Raises:
        ExportFailed: A part cannot be opened or called, or differs more than its format may.
    """
    allowed = format_called(format).PRECISIONS[precision]
    with tempfile.TemporaryDirectory(prefix="retrace-proof-") as place:
        folder = Path(place)
        request = {
            "format": str(format_file(format).absolute()),
            "hidden": HIDDEN,
            "batches": samples.batches,
            "seconds": SECONDS,
            "parts": [_request(part, paths[part.name], format, samples, folder) for part in parts],
        }
        if {part.name for part in parts} == {"encoder", "decoder", "full"}:
            main = next(part.main for part in parts if part.name == "full")
            request["composition"] = {"inputs": _inputs(main, samples, folder)}
        result = _run(folder, request)
        for part in parts:
            measured = result["parts"][part.name]
            loss = _loss(part, folder, samples, answers) if "loss" in allowed else None
            result["parts"][part.name] = _judge(part, measured, loss, allowed, samples)
    composition = result.get("composition")
    if composition is not None and composition > allowed.get("difference", math.inf):
        raise ExportFailed(f"encoder and decoder one after the other differ from full by {composition:.2g}")
    return {"parts": result["parts"], "composition": composition}


def _request(part: Part, path: Path, format: str, samples: Samples, folder: Path) -> dict[str, Any]:
    held = (*part.signatures, part.default) if format_called(format).HOLDS_BYTES else (part.main,)
    described = []
    for signature in held:
        outputs = {}
        expected = _expected(part, signature, samples)
        for name in (output.name for output in signature.outputs):
            values, array = expected[name], f"{signature.name}-{name}.npy"
            np.save(folder / array, values)
            # Images have a range of 1. A code has none: differences are told in units of its largest value.
            peak = float(np.abs(values).max()) or 1.0 if name == "code" else 1.0
            outputs[name] = {"array": array, "peak": peak, "keep": f"found-{array}"}
        inputs = _inputs(signature, samples, folder)
        # The default signature of a search has no option to make it short.
        alone = not part.searches or any(tensor.kind == "option" for tensor in signature.inputs)
        described.append({"name": signature.name, "inputs": inputs, "outputs": outputs, "alone": alone})
    # The checking process runs in a folder of its own, so a relative path would mean something else there.
    return {"name": part.name, "path": str(path.absolute()), "signatures": described}


def _expected(part: Part, signature: Signature, samples: Samples) -> Mapping[str, np.ndarray]:
    if part.name == "encoder":
        return {"code": samples.code_of_files if signature.takes_bytes else samples.code}
    return samples.outputs_of_files if signature.takes_bytes else samples.outputs


def _inputs(signature: Signature, samples: Samples, folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for tensor in signature.inputs:
        if tensor.kind == "option":
            brief = min(tensor.default or 0, _BRIEF)
            described[tensor.name] = {"value": tensor.default, "dtype": tensor.dtype, "brief": brief}
        elif tensor.kind == "bytes":
            names = [f"{index}.png" for index in range(len(samples.files))]
            for name, content in zip(names, samples.files):
                (folder / name).write_bytes(content)
            described[tensor.name] = {"files": names}
        else:
            np.save(folder / f"{tensor.kind}.npy", samples.images if tensor.kind == "image" else samples.code)
            described[tensor.name] = {"array": f"{tensor.kind}.npy"}
    return described


def _run(folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    # Isolated (-I): no environment variable and no current directory adds to what can be imported.
    command = [sys.executable, "-I", os.path.abspath(check.__file__), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ExportFailed(
            f"what was written could not be checked: {said[-1] if said else f'status {done.returncode}'}"
        )
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def _loss(part: Part, folder: Path, samples: Samples, answers: Answers) -> float:
    """How many dB of PSNR, against the original images, the part loses: the run's mean less its own."""
    if part.name == "encoder":
        image = answers.decode(np.load(folder / f"found-{part.main.name}-code.npy"))["image"]
    else:
        image = np.load(folder / f"found-{part.main.name}-image.npy")
    return psnr(samples.images, samples.outputs["image"]) - psnr(samples.images, image)


def _judge(
    part: Part, measured: Mapping[str, Any], loss: float | None, allowed: Mapping[str, float], samples: Samples
) -> dict[str, Any]:
    """The proof of a part as manifest.json keeps it. Raises ExportFailed where a tolerance is exceeded."""
    for name, signature in measured.items():
        for output, figures in signature["outputs"].items():
            if (figures["difference_alone"] or 0) > allowed.get("difference", _ALONE):
                raise ExportFailed(
                    f"{part.name}: {name} answers another {output} for an image alone than for the same image in a "
                    f"batch: they differ by {figures['difference_alone']:.2g}, more than "
                    f"{allowed.get('difference', _ALONE):g}, so a layer mixes the images of a batch; nothing was kept"
                )
            if figures["largest_difference"] > allowed.get("difference", math.inf):
                raise ExportFailed(
                    f"{part.name}: {name} answers another {output} than the run: they differ by "
                    f"{figures['largest_difference']:.2g}, more than {allowed['difference']:g}; nothing was kept"
                )
    if loss is not None and loss > allowed["loss"]:
        raise ExportFailed(
            f"{part.name}: rounding its weights costs {loss:.2f} dB of PSNR, more than {allowed['loss']:g}; "
            "nothing was kept; choose a finer --precision"
        )
    return {
        "images": len(samples.images),
        "split": samples.split,
        "batches": samples.batches,
        "tolerance": dict(allowed),
        "signatures": dict(measured),
        **({} if loss is None else {"loss_db": loss}),
    }
