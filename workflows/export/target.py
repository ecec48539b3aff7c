"""What an export is to write, and whether it may: decided before TensorFlow is loaded."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from common.errors import RequestError
from common.formatting import printable
from common.program import installed
from run_directory.checkpoints import Checkpoint
from run_directory.run import Run
from workflows.export.formats import format_called, format_names
from workflows.export.manifest import CHANGED, NAME, find_problems, hash_of, read_manifest
from workflows.export.staging import keep_entry, link_or_copy
from workflows.export.walk import TRAVEL
from workflows.outputs import COPY_RUN, check_writable

PARTS = ("encoder", "decoder", "full")


@dataclass(frozen=True)
class Target:
    """A request that may be carried out.

    Args:
        run: The run.
        checkpoint: The state of it that is exported, held until then.
        asked: `best`, `last` or a step, as asked for.
        parts: Names of the parts to write.
        format: `savedmodel`, `litert` or `onnx`.
        precision: Of the weights.
        origin: Hashes of the spec and the checkpoint: what the export is made of.
        previous: The manifest of the export that is there and of the same origin; the new one is added to it.
        others: Paths in the export that is there of what no export wrote; they stay in it.
        remark: Why the checkpoint is not the one asked for, where it is damaged.
    """

    run: Run
    checkpoint: Checkpoint
    asked: str
    parts: tuple[str, ...]
    format: str
    precision: str
    origin: Mapping[str, str]
    previous: Mapping[str, Any] | None
    others: tuple[str, ...] = ()
    remark: str = ""

    @property
    def folder(self) -> Path:
        """Where the export ends up."""
        return self.run.export_dir

    def location(self, part: str) -> str:
        """Path of a part inside the export."""
        return format_called(self.format).location(part, self.precision)

    def kept_models(self) -> list[dict[str, Any]]:
        """Entries of the previous manifest that stay."""
        if self.previous is None:
            return []
        replaced = {self.location(part) for part in self.parts}
        return [model for model in self.previous["models"] if model["path"] not in replaced]

    def keep(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Gives the files of models that stay a place in the new export; returns what the manifest said of them."""
        names = [name for model in self.kept_models() for name in model["files"]]
        for name in names:
            link_or_copy(self.folder / name, folder / name)
        return {} if self.previous is None else {name: self.previous["files"][name] for name in names}

    def keep_others(self, folder: Path) -> None:
        """Gives what no export wrote its place in the new export, where that has nothing of the name."""
        for name in self.others:
            keep_entry(self.folder / name, folder / name)


def choose_target(
    run: Run,
    part: str = "all",
    format: str = "savedmodel",
    precision: str = "float32",
    checkpoint: str = "best",
    force: bool = False,
) -> Target:
    """Checks a request against what there is.

    An export of the same spec and checkpoint is added to, part by part and format by format. What is there already, or
    was made of something else, is replaced only with `force`.

    Raises:
        RequestError: The format has no such precision, there is no such checkpoint, an export is in the way, or the run
            cannot be written to.
    """
    offered = format_called(format)
    if precision not in offered.PRECISIONS:
        raise RequestError(
            f"--precision {precision}: {format} offers only {', '.join(offered.PRECISIONS)}; "
            "float16 and int8 weights come with --format litert"
        )
    if missing := [name for name in offered.PACKAGES if find_spec(name.replace("-", "_")) is None]:
        raise RequestError(f"--format {format}: needs {', '.join(missing)}: {installed('export')}")
    found, remark = run.hold_checkpoint(checkpoint)
    parts = PARTS if part == "all" else (part,)
    origin = {"spec": hash_of(run.load_spec().resolved), "checkpoint": _content_hash(found.path)}
    folder = run.export_dir
    try:
        str(folder.resolve()).encode("utf-8")
    except UnicodeEncodeError:
        raise RequestError(
            f"{folder}: TensorFlow writes to no path that is not UTF-8; rename that folder, or copy the run elsewhere"
        ) from None
    check_writable([run.path, folder], COPY_RUN)
    manifest = _manifest_in(folder, force) if folder.exists() and any(folder.iterdir()) else None
    problems = {} if manifest is None else find_problems(folder, manifest)
    others = [name for name in TRAVEL if os.path.lexists(folder / name)]
    if manifest is not None:
        others += [name for name in problems if name not in manifest["files"]]
        if not force:
            locations = [offered.location(name, precision) for name in parts]
            _check_addition(folder, manifest, problems, origin, locations)
        if _damaged(manifest, problems) or manifest.get("origin") != origin:
            manifest = None
    others = list(dict.fromkeys(others))
    return Target(run, found, checkpoint, parts, format, precision, origin, manifest, tuple(others), remark)


def _manifest_in(folder: Path, force: bool) -> Mapping[str, Any] | None:
    """The manifest of what is there; None where it cannot be read and all is to be replaced."""
    try:
        manifest = read_manifest(folder)
        for model in manifest["models"]:
            form = format_called(model["format"]) if model["format"] in format_names() else None
            known = form is not None and model["precision"] in form.PRECISIONS and model["part"] in PARTS
            if not known or model["path"] != form.location(model["part"], model["precision"]):
                raise RequestError(f"{folder / NAME}: names a model that no export writes, '{model['path']}'")
    except RequestError as error:
        if force:
            return None
        raise RequestError(f"{error}; {folder} holds files but no readable {NAME}: replace it with --force") from None
    return manifest


def _check_addition(
    folder: Path,
    manifest: Mapping[str, Any],
    problems: Mapping[str, str],
    origin: Mapping[str, str],
    locations: Sequence[str],
) -> None:
    """Refuses to add models at `locations` to an export where something there would be lost or could not stay."""
    if manifest.get("origin") != origin:
        step = manifest.get("checkpoint", {}).get("step", "?")
        raise RequestError(
            f"{folder}: holds an export of step {step}, of another state of this run; replace it with --force"
        )
    if damaged := _damaged(manifest, problems):
        what = f"{printable(folder / damaged[0])}: {problems[damaged[0]]}"
        raise RequestError(f"{what}, so nothing can be added; replace all with --force")
    models = [model["path"] for model in manifest["models"]]
    if there := [place for place in locations if place in models]:
        raise RequestError(f"{folder / there[0]}: was exported already; replace it with --force")
    edited = [name for name, words in problems.items() if name in manifest["files"] and words.startswith(CHANGED)]
    # Somebody's own file is in the way where a model is to be written: at its place, above it or inside it.
    edited += [
        name
        for name in problems
        if name not in manifest["files"]
        and any(f"{name}/".startswith(f"{place}/") or place.startswith(f"{name}/") for place in locations)
    ]
    if edited:
        more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
        raise RequestError(
            f"{printable(folder / edited[0])}{more} would be replaced, and is not as an export wrote it; keep a copy "
            "elsewhere, then replace it with --force"
        )


def _damaged(manifest: Mapping[str, Any], problems: Mapping[str, str]) -> list[str]:
    return [name for model in manifest["models"] for name in model["files"] if name in problems]


def _content_hash(path: Path) -> str:
    """The hash that a checkpoint keeps of its own arrays."""
    try:
        with safe_open(path, framework="numpy") as file:
            return str((file.metadata() or {}).get("sha256", ""))
    except (SafetensorError, OSError) as error:
        raise RequestError(f"{path}: cannot be read as a checkpoint ({error}); use another with --checkpoint") from None
