"""Exports on the Hugging Face Hub: a run's export is sent as one commit, and fetched again as it was written.

The Hub's layout and its client: https://huggingface.co/docs/huggingface_hub
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import RequestError, WorkFailed
from common.formatting import bytes_text, printable
from common.hub import PATIENCE, HubError, client, explained, host, repository
from common.patience import in_time
from common.program import typed
from run_directory.run import Run, is_run
from workflows.export.card import NAMES as CARDS
from workflows.export.manifest import NAME, TRAVEL, find_problems, problems_of, read_manifest
from workflows.export.target import staged

# A card that people write on the Hub.
_LARGEST_CARD = 4 << 20
_SHOWN = 12


@dataclass(frozen=True)
class Package:
    """What is to be sent.

    Args:
        folder: The export.
        name: `owner/name`.
        revision: The branch.
        files: Path in the export → bytes.
        removed: Files of an earlier export in the repository, which this one lacks.
        exists: Whether the repository does.
        private: Whether it is, or will be, private.
        remarks: Lines for the user.
    """

    folder: Path
    name: str
    revision: str
    files: Mapping[str, int]
    removed: tuple[str, ...]
    exists: bool
    private: bool
    remarks: tuple[str, ...]

    def lines(self) -> list[str]:
        """What is sent and to where, as shown before it is."""
        names = sorted(self.files, key=lambda name: (name.count("/"), name))
        width = max(map(len, names[:_SHOWN]))
        shown = [f"  {printable(name):{width}}  {bytes_text(self.files[name])}" for name in names[:_SHOWN]]
        if rest := names[_SHOWN:]:
            shown.append(f"  and {len(rest)} more, {bytes_text(sum(self.files[name] for name in rest))}")
        who = "private" if self.private else "public: everyone can see it"
        total = f"{len(names)} files, {bytes_text(sum(self.files.values()))}"
        return [
            f"{printable(self.folder)} → {host()}/{self.name}, branch {self.revision}",
            *shown,
            *(f"  {printable(name)} of the export before is removed there" for name in self.removed),
            *self.remarks,
            f"{total}, as one commit; the repository {'is' if self.exists else 'is new, and will be'} {who}",
        ]


def prepare(target: str | Path, name: str, revision: str = "main", private: bool = False) -> Package:
    """Checks what `push` would send; only asks the Hub what is there, and sends nothing.

    Args:
        target: A run's folder, or an export's.
        name: `owner/name`.
        revision: The branch, which is made where it does not exist.
        private: Whether a new repository is private.

    Raises:
        RequestError: There is no export or it is damaged, the name is wrong, nobody is logged in, the Hub cannot be
            reached, or a public repository was to be private.
    """
    folder = Run.open(target).export_dir if is_run(target) else Path(target)
    if is_run(target) and not (folder / NAME).is_file():
        raise RequestError(f"{target}: has no export yet; make one with `{typed('export', target)}`")
    manifest = read_manifest(folder)
    problems = find_problems(folder, manifest)
    left = [path for path in problems if path not in manifest["files"]]
    damaged = [path for path in problems if path in manifest["files"] and path not in CARDS]
    if damaged:
        where = printable(folder / damaged[0])
        raise RequestError(f"{where}: {problems[damaged[0]]}; export the run again, with --force")
    if missing := [path for path in CARDS if not (folder / path).is_file() or (folder / path).is_symlink()]:
        raise RequestError(f"{printable(folder / missing[0])}: is missing; export the run again, with --force")
    name, given = _name(name)
    if given != "main" and revision not in ("main", given):
        raise RequestError(f"--revision {printable(revision)}: {name}@{given} names another; give one of the two")
    revision = given if given != "main" else _name(f"{name}@{revision}")[1]
    hub = _client()
    if hub.get_token() is None:
        raise RequestError(f"{name}: nobody is logged in; `hf auth login`, or set HF_TOKEN ({host()}/settings/tokens)")
    there = _information(name, revision, must_exist=False)
    if there is not None and private and not there.private:
        raise RequestError(f"{name}: is public already; make it private in its settings, or push without --private")
    removed = _outdated(name, there, manifest) if there is not None else ()
    remarks = [f"{printable(path)}: stays here, it is not of this export" for path in left]
    remarks += [f"{path}: was edited since the export, and is sent as it is" for path in problems if path in CARDS]
    sizes = {path: (folder / path).stat().st_size for path in (NAME, *manifest["files"])}
    is_private = private if there is None else bool(there.private)
    return Package(folder, name, revision, sizes, removed, there is not None, is_private, tuple(remarks))


def send(package: Package) -> str:
    """Sends a package as one commit; returns the commit's address. Raises WorkFailed where the Hub refuses."""
    hub = _client()
    api = hub.HfApi()
    manifest = read_manifest(package.folder)
    message = f"{printable(str(manifest.get('name', 'an export')))[:100]}, exported by Retrace"
    operations = [
        hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(package.folder / path)) for path in package.files
    ]
    operations += [hub.CommitOperationDelete(path_in_repo=path) for path in package.removed]
    try:
        if not package.exists:
            api.create_repo(package.name, private=package.private, exist_ok=True)
        if package.revision != "main":
            api.create_branch(package.name, branch=package.revision, exist_ok=True)
        done = api.create_commit(
            package.name, operations, commit_message=message, revision=package.revision, num_threads=2
        )
    except Exception as error:  # the client and what it is built on raise many types
        raise WorkFailed(f"{package.name}: not sent: {explained(error, package.name, package.revision)}") from error
    return str(done.commit_url)


def fetch_export(
    text: str, out: Path | None = None, force: bool = False, report: Callable[[str], None] = print
) -> Path:
    """Fetches an export of a repository and verifies it; nothing in it is run.

    Args:
        text: `owner/name` or `owner/name@revision`.
        out: The folder to make. Unset: `exports/owner--name`.
        force: Replace an export in that folder.
        report: Gets a line for each thing that is worth knowing.

    Returns:
        The folder.

    Raises:
        RequestError: The name is wrong, the folder is taken, the repository has no export, or the disk is too small.
        WorkFailed: The download broke off, or a file is not what the manifest says. Nothing is left behind.
    """
    name, revision = _name(text)
    out = out or Path("exports", name.replace("/", "--"))
    _require_free(out, force)
    _client()
    there = _information(name, revision)
    sizes = {entry.rfilename: entry.size or 0 for entry in there.siblings or ()}
    if NAME not in sizes:
        raise RequestError(f"{name}: holds no {NAME}, so it is no export of Retrace; a single file is hf://{name}/FILE")
    with staged(out) as folder:
        _download(name, there.sha, NAME, sizes[NAME], folder)
        manifest = read_manifest(folder)
        names = _names(name, manifest, sizes)
        _require_space(out, sum(sizes[path] for path in names))
        for path in names:
            _download(name, there.sha, path, sizes[path], folder)
        shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes
        edited = {str(folder / path): path for path in CARDS}
        for problem in problems_of(folder):
            where, _, words = problem.partition(": ")
            if where not in edited:
                raise WorkFailed(f"{name}: {Path(where).relative_to(folder)} {words}; nothing was kept")
            report(f"{edited[where]}: was edited after the export")
        for path in sorted(set(sizes) - {*names, NAME, *TRAVEL}):
            report(f"{printable(path)}: left out, it is not of this export")
    total = bytes_text(sum(sizes[path] for path in (NAME, *names)))
    report(f"{printable(out)}: {len(names) + 1} files, {total}, commit {there.sha[:12]}; all as they were exported")
    return out


def _client() -> Any:
    try:
        return client()
    except HubError as error:
        raise RequestError(str(error)) from None


def _name(text: str) -> tuple[str, str]:
    try:
        return repository(text)
    except HubError as error:
        raise RequestError(str(error)) from None


def _information(name: str, revision: str, must_exist: bool = True) -> Any:
    """What the Hub says of a revision, or of its repository where the revision is new; None where that is too."""
    hub = _client()
    from huggingface_hub import errors

    def ask(branch: str | None) -> Any:
        return in_time(
            lambda: hub.HfApi().model_info(name, revision=branch, files_metadata=True, timeout=PATIENCE), PATIENCE
        )

    try:
        try:
            found = ask(revision)
        except errors.RevisionNotFoundError:
            if must_exist:
                raise
            found = ask(None)
    except Exception as error:  # the client and what it is built on raise many types
        # Without a valid token the answer is 401, whether or not there is one.
        if not must_exist and isinstance(error, errors.RepositoryNotFoundError) and error.response.status_code == 404:
            return None
        raise RequestError(f"{name}: {explained(error, name, revision)}") from error
    if not isinstance(found.sha, str) or not found.sha.isalnum():
        raise RequestError(f"{name}: {host()} is no Hub: its answer names no commit")
    return found


def _outdated(name: str, there: Any, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Files of the export in a repository that a new export lacks."""
    present = {entry.rfilename: entry.size or 0 for entry in there.siblings or ()}
    if NAME not in present:
        return ()
    try:
        path = _client().hf_hub_download(name, NAME, revision=there.sha, etag_timeout=PATIENCE)
        old = read_manifest(Path(path).parent)["files"]
    except RequestError:
        return ()
    except Exception as error:  # the client and what it is built on raise many types
        raise RequestError(f"{name}: {explained(error, name)}") from error
    return tuple(sorted(path for path in old if path in present and path not in manifest["files"]))


def _require_free(out: Path, force: bool) -> None:
    """Raises RequestError where the folder to make is taken."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise RequestError(f"{printable(out)}: is no folder; give another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / NAME).is_file():
        raise RequestError(f"{printable(out)}: holds other files; give another --out")
    if not force:
        raise RequestError(f"{printable(out)}: holds an export; give another --out, or --force to replace it")


def _names(name: str, manifest: Mapping[str, Any], sizes: Mapping[str, int]) -> list[str]:
    """The files to fetch: those of the manifest, all there and of the size that it says."""
    for path, entry in manifest["files"].items():
        shown = printable(path)
        if any(part.startswith(".") for part in PurePosixPath(path).parts):
            raise RequestError(f"{name}: its manifest names '{shown}', and no export has hidden files")
        if path not in sizes:
            raise RequestError(f"{name}: lacks {shown}, which its manifest names; push it again")
        if path in CARDS and sizes[path] <= _LARGEST_CARD:
            continue
        if sizes[path] != entry["size"]:
            raise RequestError(f"{name}: {shown} was changed: it holds {sizes[path]} bytes instead of {entry['size']}")
    return list(manifest["files"])


def _require_space(out: Path, size: int) -> None:
    free = shutil.disk_usage(out.parent).free
    if size > free:
        raise RequestError(f"{printable(out)}: needs {bytes_text(size)}, and {bytes_text(free)} are free")


def _download(name: str, commit: str, path: str, size: int, folder: Path) -> None:
    """Fetches one file of a repository into a folder."""
    try:
        _client().hf_hub_download(name, path, revision=commit, local_dir=folder, etag_timeout=PATIENCE)
        if (folder / path).stat().st_size == size:
            return
        why = f"it holds {(folder / path).stat().st_size} bytes instead of {size}"
    except Exception as error:  # the client and what it is built on raise many types
        why = explained(error, name, commit)
    raise WorkFailed(f"{name}: downloading {printable(path)} broke off: {why}; nothing was kept, try again")
