"""Published weights: fetched once from their official address, checked, kept where Keras keeps its own."""

import hashlib
import os
import tempfile
import threading
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

# A dead network must cost seconds, not minutes. Resolving a name knows no timeout of its own.
_PATIENCE = 8.0
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Args:
        url: Its official address; the last part names it on disk.
        digest: MD5 (32 digits), SHA-256 (64) or the beginning of a SHA-256 (fewer), in hexadecimal; empty where the
            publisher states none.
    """

    url: str
    digest: str = ""

    @property
    def name(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2]


def cached(file: RemoteFile) -> Path | None:
    """Where the file lies already: in Keras' cache or in PyTorch's."""
    torch_home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    for folder in (_folder(), Path(os.path.expanduser(torch_home), "hub", "checkpoints")):
        if (folder / file.name).is_file():
            return folder / file.name
    return None


def fetch(file: RemoteFile) -> Path:
    """The file on this machine, downloaded if need be.

    Args:
        file: What to fetch.

    Returns:
        Its path; the content agrees with the published digest.

    Raises:
        ValueError: The address cannot be reached within some seconds, or the content is not what was published.
    """
    path = cached(file)
    if path is not None:
        _check(path, file)
        return path
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    response = _open(file.url)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=folder)
    try:
        with response, os.fdopen(descriptor, "wb") as target, _progress() as progress:
            task = progress.add_task(file.name, total=int(response.headers.get("Content-Length") or 0) or None)
            while chunk := response.read(_CHUNK):
                target.write(chunk)
                progress.advance(task, len(chunk))
        _check(Path(temporary), file)
        os.replace(temporary, folder / file.name)
    except (OSError, HTTPException) as error:
        raise ValueError(f"downloading {file.url} broke off ({error}); try again") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return folder / file.name


def _folder() -> Path:
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"), "models")


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    return Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True))


def _open(url: str):
    """An open response, or a ValueError after `_PATIENCE` seconds at most."""
    answer = {}

    def ask() -> None:
        try:
            answer["response"] = urllib.request.urlopen(url, timeout=_PATIENCE)
        except (OSError, HTTPException) as error:
            answer["error"] = getattr(error, "reason", None) or error

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    if "response" not in answer:
        reason = answer.get("error", f"no answer within {_PATIENCE:.0f} s")
        raise ValueError(f"{url} cannot be reached ({reason})")
    return answer["response"]


def _check(path: Path, file: RemoteFile) -> None:
    """Raises ValueError where a file's content does not have the published digest."""
    if not file.digest:
        return
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "md5" if len(file.digest) == 32 else "sha256").hexdigest()
    if not found.startswith(file.digest):
        raise ValueError(
            f"{path} is not the file published at {file.url}: its digest begins {found[:12]}, "
            f"expected {file.digest[:12]}; delete it and try again"
        )
