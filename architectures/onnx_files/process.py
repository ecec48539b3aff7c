"""Asks the limited process of `reader.py` about an ONNX file."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common.files import memory_budget
from common.program import ROOT, installed

_PACKAGES = ("onnx", "onnxruntime")
# The process limits its own processor time; this ends it where it waits for a disk that does not respond.
_SECONDS = 600


def ask(
    path: Path, size: Sequence[int] | None = None, taps: Sequence[str] | None = None, seed: int | None = None
) -> tuple[dict[str, Any], bytes]:
    """What the reader finds in a file.

    Args:
        path: The file.
        size: (height, width) of the images. Unset: only the network's input is described.
        taps: Tensors to cut at. Unset: all are listed.
        seed: Set to replace trained values by random ones.

    Returns:
        `channels`, `size`, `dtype` and `digest` of the file, with what `taps` or `cut` of `cut.Network` return; and the
        cut network. `unknown` and `known` where there is no such tensor.

    Raises:
        ValueError: The file cannot be used; the text follows its name.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ValueError(f"needs {' and '.join(missing)}: {installed('export')}")
    request = {"path": os.path.abspath(path), "limit": memory_budget(), "size": size, "taps": taps, "seed": seed}
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # -P: the directory of a user's may hold a module with the name of a package.
    command = [sys.executable, "-P", "-m", "architectures.onnx_files.reader"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Pools of threads would need gigabytes of address space on large machines.
            env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "4"},
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ValueError("takes too long to read, and was stopped") from None
    line, _, model = done.stdout.partition(b"\n")
    try:
        answer = json.loads(line)
    except ValueError:
        raise ValueError(_end(done.returncode)) from None
    if "refused" in answer:
        raise ValueError(answer["refused"])
    return answer, model


def _end(status: int) -> str:
    """Why the process ended without an answer."""
    if status == -signal.SIGXCPU:
        return "takes too long to compute one image, and was stopped"
    if status in (-signal.SIGKILL, -signal.SIGABRT):
        return "needs more memory than RETRACE_MEMORY_BUDGET allows, or is damaged"
    return f"is damaged: ONNX Runtime breaks down on it (status {status})"
