"""Where an export is written: checks before TensorFlow is loaded, and replaces the folder as a whole."""

import contextlib
import ctypes
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import filelock
from safetensors import SafetensorError, safe_open

from builders.spec import Spec
from builders.spec.catalogue import load_catalogue
from common.errors import RequestError
from common.formatting import printable
from common.program import installed
from run_directory.checkpoints import Checkpoint
from run_directory.run import Run
from workflows.export.formats import format_called, format_names
from workflows.export.manifest import CHANGED, NAME, TRAVEL, find_problems, hash_of, read_manifest
from workflows.outputs import COPY_RUN, check_writable

PARTS = ("encoder", "decoder", "full")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True)
class Target:
    """A checked request to export.

    Args:
        run: The run.
        checkpoint: The checkpoint, held open until it is exported.
        asked: `best`, `last` or a step, as requested.
        parts: Names of the parts to write.
        format: Name of a format.
        precision: Of the weights.
        origin: Hashes of the spec and the checkpoint.
        previous: The manifest of an existing export of the same origin, which the new models are added to.
        others: Paths in the existing export that no export wrote; they are kept.
        own_format: The only format that can hold the encoder, where there is such a one.
        remark: Why the checkpoint is another than requested, where that one is damaged.
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
    own_format: str | None = None

    @property
    def folder(self) -> Path:
        """The export's folder."""
        return self.run.export_dir

    def form(self, part: str) -> tuple[str, str]:
        """Format and precision of a part."""
        return _form(part, self.format, self.precision, self.own_format)

    def location(self, part: str) -> str:
        """Path of a part inside the export."""
        form, precision = self.form(part)
        return format_called(form).location(part, precision)

    def kept_models(self) -> list[dict[str, Any]]:
        """Entries of the previous manifest that are kept."""
        if self.previous is None:
            return []
        replaced = {self.location(part) for part in self.parts}
        return [model for model in self.previous["models"] if model["path"] not in replaced]

    def keep(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Copies the files of kept models into the new export; returns their entries in the manifest."""
        names = [name for model in self.kept_models() for name in model["files"]]
        for name in names:
            _link_or_copy(self.folder / name, folder / name)
        return {} if self.previous is None else {name: self.previous["files"][name] for name in names}

    def keep_others(self, folder: Path) -> None:
        """Copies what no export wrote into the new export, where the path is free."""
        for name in self.others:
            _keep_entry(self.folder / name, folder / name)


def choose_target(
    run: Run,
    part: str = "all",
    format: str = "savedmodel",
    precision: str = "float32",
    checkpoint: str = "best",
    force: bool = False,
) -> Target:
    """Checks a request against the run and its existing export.

    New models are added to an export of the same spec and checkpoint. Models that exist already, and exports of
    another origin, are replaced only with `force`.

    Raises:
        RequestError: The format has no such precision, there is no such checkpoint, an export is in the way, or the
            run is not writable.
    """
    offered = format_called(format)
    if precision not in offered.PRECISIONS:
        raise RequestError(
            f"--precision {precision}: {format} offers only {', '.join(offered.PRECISIONS)}; "
            "float16 and int8 weights come with --format litert"
        )
    loaded = run.load_spec()
    own = _own_format(loaded.spec)
    parts = _parts(run, loaded.spec, part, None if own == format else own)
    forms = {name: _form(name, format, precision, own) for name in parts}
    for form in dict(forms.values()):
        if missing := [name for name in format_called(form).PACKAGES if find_spec(name.replace("-", "_")) is None]:
            raise RequestError(f"--format {form}: needs {', '.join(missing)}: {installed('export')}")
    found, remark = run.hold_checkpoint(checkpoint)
    origin = {"spec": hash_of(loaded.resolved), "checkpoint": _content_hash(found.path)}
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
            places = {name: format_called(form).location(name, rounded) for name, (form, rounded) in forms.items()}
            if part == "all" and own not in (None, format) and places["encoder"] in _paths(manifest):
                # It serves decoders of every format.
                parts = tuple(name for name in parts if name != "encoder")
            locations = [places[name] for name in parts]
            _check_addition(folder, manifest, problems, origin, locations)
        if _damaged(manifest, problems) or manifest.get("origin") != origin:
            manifest = None
    others = list(dict.fromkeys(others))
    return Target(run, found, checkpoint, parts, format, precision, origin, manifest, tuple(others), remark, own)


def _own_format(spec: Spec) -> str | None:
    """The only format that can hold a spec's encoder; None where every format may."""
    backbone = spec.encoder.backbone
    entry = None if backbone is None else load_catalogue().entry("backbone", backbone.name)
    return None if entry is None else entry.facts.get("export_format")


def _form(part: str, format: str, precision: str, own: str | None) -> tuple[str, str]:
    """Format and precision of a part, where only `own` can hold the encoder."""
    return (format, precision) if own in (None, format) or part == "decoder" else (own, "float32")


def _paths(manifest: Mapping[str, Any]) -> list[str]:
    return [model["path"] for model in manifest["models"]]


def _parts(run: Run, spec: Spec, part: str, apart: str | None) -> tuple[str, ...]:
    """Names of the parts to write; `apart` is a format of the encoder that others cannot be joined with.

    Raises:
        RequestError: The run lacks the part requested.
    """
    if apart is not None:
        if part == "full":
            raise RequestError(
                f"--part full: only {apart} can hold its {spec.encoder.kind}; use --format {apart}, or export encoder "
                "and decoder"
            )
        return ("encoder", "decoder") if part == "all" else (part,)
    if spec.encoder.embeddings is None:
        return PARTS if part == "all" else (part,)
    if part not in ("all", "decoder"):
        raise RequestError(
            f"--part {part}: {run.path} has no encoder, its codes are stored embeddings; export --part decoder"
        )
    return ("decoder",)


def _manifest_in(folder: Path, force: bool) -> Mapping[str, Any] | None:
    """The manifest of the existing export; None where it cannot be read and `force` replaces everything."""
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
    """Refuses to add models at `locations` where that would lose or overwrite something in the export."""
    if manifest.get("origin") != origin:
        step = manifest.get("checkpoint", {}).get("step", "?")
        raise RequestError(
            f"{folder}: holds an export of step {step}, of another state of this run; replace it with --force"
        )
    if damaged := _damaged(manifest, problems):
        what = f"{printable(folder / damaged[0])}: {problems[damaged[0]]}"
        raise RequestError(f"{what}, so nothing can be added; replace all with --force")
    if there := [place for place in locations if place in _paths(manifest)]:
        raise RequestError(f"{folder / there[0]}: was exported already; replace it with --force")
    edited = [name for name, words in problems.items() if name in manifest["files"] and words.startswith(CHANGED)]
    # A user's own file is in the way of a model: at its path, above it or inside it.
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


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yields a new folder beside `target`, which replaces it as a whole at the end, or not at all after an error.

    Leftovers of a killed process are removed by the next.

    Raises:
        RequestError: Another process holds the lock, the lock is a link, or the parent folder is not writable.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    held = target.with_name(f".{target.name}.lock")
    if held.is_symlink():
        raise RequestError(f"{held}: is a link, which a run never holds; remove it")
    lock = filelock.FileLock(held)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise RequestError(f"{target}: another process is exporting this run; wait for it to end") from None
    except OSError as error:
        raise RequestError(f"{target}: cannot be written to ({error.strerror}); copy the run elsewhere") from None
    try:
        _clean(target)
        folder = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            yield folder
            _flush(folder)
            _swap(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


def _clean(target: Path) -> None:
    """Restores the folder that a process killed between two renames had set aside, and removes other leftovers."""
    for left in target.parent.glob(f".{target.name}-*"):
        if left.name.endswith("-previous") and not target.exists() and not left.is_symlink():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _swap(folder: Path, target: Path) -> None:
    """Moves `folder` to `target`; the previous content is at `folder` afterwards, or removed."""
    if not target.exists():
        folder.rename(target)
    elif not _exchange(folder, target):
        previous = target.with_name(f"{folder.name}-previous")
        target.rename(previous)
        folder.rename(target)
        shutil.rmtree(previous, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders atomically; False where this system or file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    return rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


def _link_or_copy(source: str | os.PathLike, target: str | os.PathLike) -> None:
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _keep_entry(source: Path, target: Path) -> None:
    """Copies a file, a link or a folder as it is; does nothing where the target exists."""
    if os.path.lexists(target) or any(parent.exists() and not parent.is_dir() for parent in target.parents):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=_link_or_copy)
    elif source.is_file():
        _link_or_copy(source, target)
