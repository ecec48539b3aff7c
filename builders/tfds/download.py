"""Downloading and preparing a dataset, in a process of its own."""

import importlib.util
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from builders.tfds.folder import WHERE
from common.errors import RequestError
from common.formatting import printable

PROBED = "https://storage.googleapis.com"
"""Where TensorFlow Datasets keeps what it needs to know of most datasets."""

PATIENCE = 8.0
"""Seconds after which a network that does not answer counts as absent. TensorFlow Datasets itself tries for minutes."""

_LAST_WORDS = 4000


def preparing_line(name: str, folder: Path | str) -> str:
    """The command that prepares a dataset."""
    return f'python -c "{_code(repr(name), repr(str(folder)))}"'


def prepare(name: str, folder: Path) -> None:
    """Downloads a dataset and prepares it for random access.

    TensorFlow Datasets works in another process: it starts TensorFlow, which would fix choices for this one.

    Args:
        name: Such as `mnist`, `imagenet_resized/64x64` or `mnist:3.0.1`.
        folder: The folder of prepared datasets.

    Raises:
        RequestError: There is no network, or the dataset cannot be prepared.
    """
    reason = _unreachable()
    if reason:
        raise RequestError(
            f"{WHERE}.download: no network: {PROBED} cannot be reached ({reason}); on a machine with network run "
            f"`{preparing_line(name, folder.name)}` and copy the folder here to {folder}"
        )
    print(printable(f"preparing {name} in {folder}"), file=sys.stderr)
    command = [sys.executable, "-c", f"import sys; {_code('sys.argv[1]', 'sys.argv[2]')}", name, str(folder)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = b""
        # Pieces, not lines: a bar is redrawn without ending its line.
        while process.stderr and (piece := os.read(process.stderr.fileno(), 1 << 16)):
            said = (said + piece)[-_LAST_WORDS:]
            if sys.stderr.isatty():  # its bars are of use only to someone who watches
                os.write(2, piece)
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines() or [f"exit status {process.returncode}"]
        raise RequestError(f"{WHERE}.download: '{name}' cannot be prepared: {lines[-1].strip()}")


def _code(name: str, folder: str) -> str:
    # array_record can be read at random where it lies; there is no such package for Windows.
    random_access = ", file_format='array_record'" if importlib.util.find_spec("array_record") else ""
    return (
        "import tensorflow_datasets as tfds; "
        f"tfds.builder({name}, data_dir={folder}{random_access}).download_and_prepare()"
    )


def _unreachable() -> str | None:
    """Why the network cannot be used; None where it can."""
    answer: list[str | None] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(PROBED, timeout=PATIENCE).close()
            answer.append(None)
        except urllib.error.HTTPError:
            answer.append(None)  # whatever it says, it has answered
        except (OSError, ValueError) as error:
            answer.append(str(getattr(error, "reason", error)))

    # Resolving a name knows no timeout of its own.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return answer[0] if answer else f"no answer within {PATIENCE:.0f} s"
