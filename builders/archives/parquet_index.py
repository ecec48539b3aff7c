"""Starts the process that reads Parquet files, and keeps what it finds."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from builders.archives.index_file import CACHE_FOLDER, Arrays, cached_copy, cached_index, half_free_disk, unpacked
from common.errors import RequestError
from common.files import memory_budget
from common.formatting import printable
from common.program import ROOT, installed

_START = "import sys; sys.path.insert(0, sys.argv[1]); from builders.archives.parquet_reader import main; main()"
_LONGEST_LINE = 1 << 16

Progress = Callable[[int, int], None]


def find_images(key: str, paths: Sequence[Path], image: str | None, label: str | None, where: str) -> Arrays:
    """Where the images are, with labels and names; from the cache where it is known.

    Args:
        key: Digest of the files and of what is requested.
        paths: The files.
        image: Name of the column of images; None: it is found.
        label: Name of the column of labels; None: it is found.
        where: Path in the spec, for errors.

    Returns:
        As `parquet_reader` describes it.

    Raises:
        RequestError: A file is damaged, or has no such column.
    """
    request = {"paths": list(map(os.fspath, paths)), "image_column": image, "label_column": label}
    return cached_index("parquet", key, lambda: _read(request, where))


def copy_images(
    key: str, paths: Sequence[Path], column: str, size: int, count: int, where: str, progress: Progress | None
) -> tuple[Path, np.ndarray]:
    """Copies the images of compressed files once, one after the other.

    Args:
        key: Digest of the files.
        paths: The files.
        column: The leaf with the images' bytes.
        size: Bytes of all images, about.
        count: Number of images.
        where: Path in the spec, for errors.
        progress: Called with (images done, images).

    Returns:
        The copy, and int64 [images, 2]: offset and size of each, size -1 without bytes.

    Raises:
        RequestError: The disk is too full, or a file is damaged.
    """

    def make(path: Path) -> Arrays:
        limit = half_free_disk()
        if size > limit:
            raise RequestError(
                f"{where}: the images are compressed once more in the Parquet files, and are copied for random access; "
                f"it takes {size / 1e9:.1f} GB in {CACHE_FOLDER}, where half of the free disk is {limit / 1e9:.1f} GB; "
                "make room, or write the files again with compression='none'"
            )
        request = {"paths": list(map(os.fspath, paths)), "copy": os.fspath(path), "bytes": column, "limit": limit}
        return _read(request, where, lambda done: progress and progress(done, count))

    try:
        copy, index = cached_copy("parquet-images", key, make)
    except OSError as error:
        raise RequestError(f"{where}: cannot write into {CACHE_FOLDER}: {error.strerror or error}") from None
    if len(index["places"]) != count:
        raise RequestError(
            f"{where}: the files hold {len(index['places'])} images, and promise {count}; copy them again"
        )
    return copy, index["places"]


def _read(request: dict[str, Any], where: str, progress: Callable[[int], Any] | None = None) -> Arrays:
    """The answer of the reader's process."""
    if importlib.util.find_spec("pyarrow") is None:
        raise RequestError(f"{where}: needs PyArrow: {installed('parquet')}")
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _START, os.fspath(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Pools of threads and of memory would need more than the process may have.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"},
    )
    shown = printable(request["paths"][0])
    try:
        with process.stdin as stream:
            stream.write(json.dumps(request).encode())
        while (line := process.stdout.readline(_LONGEST_LINE)).endswith(b"\n"):
            record = json.loads(line)
            if "done" in record and progress:
                progress(record["done"])
            if "error" in record:
                argument, path = record.get("argument"), printable(record.get("path", ""))
                if argument:
                    raise RequestError(f"{where.rpartition('.')[0]}.{argument}: {printable(record['error'])}")
                raise RequestError(f"{where}: cannot read '{path}': {printable(record['error'])}; copy it again")
            if "bytes" in record:
                return unpacked(process.stdout.read(min(record["bytes"], memory_budget())))
    except BrokenPipeError:
        pass  # it ended early
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    stopped = process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    how = "took too long and was stopped" if stopped else f"broke down, status {process.returncode}"
    raise RequestError(f"{where}: cannot read '{shown}' or a file beside it: the Parquet library {how}; copy it again")
