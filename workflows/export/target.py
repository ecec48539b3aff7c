"""What an export is to write, and whether it may: decided before TensorFlow is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from builders.errors import RequestError
from run_checkpoints import Checkpoint
from runs import Run
from workflows.export.formats import format_called
from workflows.export.manifest import NAME, hash_of, read_manifest
from workflows.export.staging import link_or_copy

PARTS = ("encoder", "decoder", "full")


@dataclass(frozen=True)
class Target:
    """A request that may be carried out.

    Args:
        run: The run.
        checkpoint: The state of it that is exported.
        asked: `best`, `last` or a step, as asked for.
        parts: Names of the parts to write.
        format: `savedmodel`, `litert` or `onnx`.
        precision: Of the weights.
        origin: Hashes of the spec and the checkpoint: what the export is made of.
        previous: The manifest of the export that is there and of the same origin; the new one is added to it.
    """

    run: Run
    checkpoint: Checkpoint
    asked: str
    parts: tuple[str, ...]
    format: str
    precision: str
    origin: Mapping[str, str]
    previous: Mapping[str, Any] | None

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
        RequestError: The format has no such precision, there is no such checkpoint, or an export is in the way.
    """
    offered = format_called(format)
    if precision not in offered.PRECISIONS:
        raise RequestError(
            f"--precision {precision}: {format} offers only {', '.join(offered.PRECISIONS)}; "
            "float16 and int8 weights come with --format litert"
        )
    found = run.checkpoint(checkpoint)
    parts = PARTS if part == "all" else (part,)
    origin = {"spec": hash_of(run.load_spec().resolved), "checkpoint": _content_hash(found.path)}
    folder, previous = run.export_dir, None
    if folder.exists() and any(folder.iterdir()):
        previous = _previous(folder, origin, force)
        locations = [offered.location(name, precision) for name in parts]
        there = [place for place in locations if previous and any(place == old["path"] for old in previous["models"])]
        if there and not force:
            raise RequestError(f"{folder / there[0]}: was exported already; replace it with --force")
    return Target(run, found, checkpoint, parts, format, precision, origin, previous)


def _previous(folder: Path, origin: Mapping[str, str], force: bool) -> Mapping[str, Any] | None:
    """The manifest of what is there, if it can be added to; None if it is to be replaced as a whole."""
    try:
        manifest = read_manifest(folder)
    except RequestError as error:
        if force:
            return None
        raise RequestError(f"{folder}: holds files but no readable {NAME}; replace it with --force") from error
    missing = [name for model in manifest["models"] for name in model["files"] if not (folder / name).is_file()]
    if force and (missing or manifest["origin"] != origin):
        return None
    if missing:
        raise RequestError(f"{folder / missing[0]}: is missing, so nothing can be added; replace all with --force")
    if manifest["origin"] == origin:
        return manifest
    raise RequestError(
        f"{folder}: holds an export of step {manifest['checkpoint']['step']}, of another state of this run; replace it "
        "with --force"
    )


def _content_hash(path: Path) -> str:
    """The hash that a checkpoint keeps of its own arrays."""
    try:
        with safe_open(path, framework="numpy") as file:
            return str((file.metadata() or {}).get("sha256", ""))
    except (SafetensorError, OSError) as error:
        raise RequestError(f"{path}: cannot be read as a checkpoint ({error}); use another with --checkpoint") from None
