"""Files of the Hugging Face Hub: `hf://owner/name@revision/path/in/repo`, read from its cache or downloaded once.

Addresses: https://huggingface.co/docs/huggingface_hub/package_reference/hf_uris
"""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.files import memory_budget
from common.formatting import printable
from common.patience import in_time
from common.program import installed

SCHEME = "hf://"
# Seconds after which an unreachable network is reported.
PATIENCE = 8.0
# Seconds without a byte after which a transfer is given up.
_STALLED = 60.0
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(
    rf"({_WORD}/{_WORD})(?:@(refs/pr/\d+|(?!refs/)[A-Za-z0-9][A-Za-z0-9_.+-]*))?(?:/(.*))?", re.DOTALL
)
_KINDS = ("datasets", "spaces", "models", "kernels", "buckets")
# An address copied from a browser.
_PAGE = re.compile(r"https?://(?:huggingface\.co|hf\.co)/([^/]+/[^/]+)/(?:blob|resolve|raw)/([^/]+)/([^?#]+)")
# What names a file or a folder in the cache.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class HubError(ValueError):
    """An address is wrong, or the Hub has not what it names. One line, which says what to do."""


@dataclass(frozen=True)
class HubFile:
    """A file of a repository.

    Args:
        repository: `owner/name`.
        path: Its path in the repository, with slashes.
        revision: A branch, a tag or a commit.
    """

    repository: str
    path: str
    revision: str = "main"

    def __str__(self) -> str:
        at = "" if self.revision == "main" else f"@{self.revision}"
        return printable(f"{SCHEME}{self.repository}{at}/{self.path}")


def is_address(text: Any) -> bool:
    """Whether a text is an address of the Hub, right or wrong."""
    return isinstance(text, str) and text.lower().startswith(SCHEME)


def suggested_address(text: str) -> str | None:
    """The address of the file that a page of the Hub shows; None for other texts."""
    found = _PAGE.fullmatch(text)
    return str(HubFile(found[1], found[3], found[2])) if found else None


def repository(text: str) -> tuple[str, str]:
    """`owner/name@revision`, also after `hf://`, as name and revision (`main` where there is none).

    Raises:
        HubError: It is something else.
    """
    name, revision, path = _split(text)
    if path:
        raise HubError(f"expected owner/name or owner/name@revision, got '{printable(text)[:200]}'")
    return name, revision


def parse_address(address: str) -> HubFile:
    """The file that an address names. Raises HubError for a wrong address."""
    name, revision, path = _split(address)
    parts = path.split("/")
    if not path:
        raise HubError(
            f"'{printable(address)[:200]}' names no file; add its path, as in {SCHEME}{name}/model.safetensors"
        )
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or printable(path) != path or len(path) > 1000:
        raise HubError(f"'{printable(address)[:200]}': a path in a repository has plain names between slashes")
    return HubFile(name, path, revision)


def _split(text: str) -> tuple[str, str, str]:
    bare = text[len(SCHEME) :] if is_address(text) else text
    found = _REPOSITORY.fullmatch(bare)
    shown = printable(text)[:200]
    if found is None or ".." in found[1] or "--" in found[1] or ".." in (found[2] or ""):
        raise HubError(f"expected {SCHEME}owner/name/file or {SCHEME}owner/name@revision/file, got '{shown}'")
    if found[1].split("/")[0] in _KINDS:
        raise HubError(f"'{shown}': files of models alone are read; expected {SCHEME}owner/name/file")
    return found[1], found[2] or "main", found[3] or ""


def client() -> Any:
    """The module `huggingface_hub`, without its telemetry. Raises HubError where it is not installed."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    try:
        import huggingface_hub
    except ImportError:
        raise HubError(f"the Hub needs huggingface_hub: {installed('huggingface')}") from None
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    constants.HF_HUB_DISABLE_TELEMETRY = True  # another package may have imported it before
    # Xet has time limits of its own, and plain HTTP reaches the same files.
    constants.HF_HUB_DISABLE_XET = True
    logging.set_verbosity_error()
    # Without this a server that stops answering holds an upload forever.
    huggingface_hub.get_session().timeout = _STALLED
    return huggingface_hub


def download(file: HubFile) -> Path:
    """The path of a file in the Hub's cache; what the cache lacks is downloaded.

    What is there is not asked for again, so a run resumes with the file that it began with, and without a network.

    Raises:
        HubError: It cannot be had, or is larger than the memory budget.
    """
    hub = client()
    found = hub.try_to_load_from_cache(file.repository, file.path, revision=file.revision)
    if isinstance(found, str):
        return Path(found)
    from huggingface_hub.file_download import get_hf_file_metadata

    url = hub.hf_hub_url(file.repository, file.path, revision=file.revision)
    bring = f"; bring {printable(Path(file.path).name)} from {printable(url)} and give its path in place of {file}"
    try:
        # First without a retry: the client alone would try for half a minute.
        known = in_time(lambda: get_hf_file_metadata(url, timeout=PATIENCE), PATIENCE)
    except Exception as error:
        raise HubError(
            f"{file} is not on this machine: {explained(error, file.repository, file.revision)}{bring}"
        ) from error
    if not (_NAME.fullmatch(known.etag or "") and _NAME.fullmatch(known.commit_hash or "")):
        raise HubError(f"{file}: {host()} is no Hub: its answer names no commit{bring}")
    if known.size is not None and known.size > memory_budget():
        raise HubError(
            f"{file} holds {known.size:,} bytes, more than {memory_budget():,}; RETRACE_MEMORY_BUDGET sets the limit"
        )
    try:
        return Path(hub.hf_hub_download(file.repository, file.path, revision=file.revision, etag_timeout=PATIENCE))
    except Exception as error:
        why = explained(error, file.repository, file.revision)
        raise HubError(f"downloading {file} broke off: {why}; try again") from error


def explained(error: BaseException, name: str, revision: str = "main") -> str:
    """What went wrong with a repository, in a few words, and what to do.

    Args:
        error: What the client raised.
        name: `owner/name`.
        revision: What was asked for.
    """
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return f"{name} is gated; accept its terms at {host()}/{name}, and log in with `hf auth login` or HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{name} has no revision '{printable(revision)}'"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{name} has no such file at '{printable(revision)}'"
    if status == 401 and _has_token():
        return f"{host()} does not know your token; log in again with `hf auth login`, or correct HF_TOKEN"
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        return f"there is no {name} at {host()}, or you may not see it; check the name, or log in with `hf auth login`"
    if status == 403:
        return f"your token may not do this with {name}; it needs the right to write, from {host()}/settings/tokens"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing is asked for"
    if status is not None:
        return f"{host()} answered {status} ({_line(getattr(error, 'server_message', None) or error)})"
    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        return explained(error.__cause__, name, revision)
    return f"{host()} cannot be reached ({_line(error) or type(error).__name__})"


def _line(error: object) -> str:
    return printable(" ".join(str(error).split()))[:200]


def host() -> str:
    """The Hub's address; HF_ENDPOINT sets another."""
    from huggingface_hub import constants

    return printable(constants.ENDPOINT)


def _has_token() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None


def cached_files(addresses: Iterable[str]) -> dict[str, dict[str, str]]:
    """Address → commit and sha256, of files in the cache, for a run's record.

    Args:
        addresses: Addresses whose files were read.
    """
    found = {}
    for address in addresses:
        file = parse_address(address)
        path = download(file)
        inside = Path(*file.path.split("/")).parts
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        found[str(file)] = {"commit": path.parts[-len(inside) - 1], "sha256": digest}
    return found
