"""Importing TensorFlow without its chatter."""

import os
import re
import sys
import tempfile

_ERROR = re.compile(r"[EF]\d{4} ")


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras; of what they say meanwhile, only errors reach standard error.

    TensorFlow 2.21 writes notes about oneDNN and absent GPUs from C++ before its log levels take effect, so no
    environment variable silences them. Later notes it calls errors (no CUDA, a fallback to another kernel) are
    silenced by level 3: whatever makes a computation fail is a Python exception as well. Set TF_CPP_MIN_LOG_LEVEL=0 to
    see all of them. Call this before the first module that imports TensorFlow.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow uses oneDNN's kernels by itself only where the processor has AVX-512 VNNI, BF16 or AMX. Elsewhere they
    # are faster too, up to twice.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Else the first process takes all memory of all GPUs, and nobody can look at a run while it trains.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        wanted = re.compile("")  # where the import fails, everything may be the reason
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401

            wanted = _ERROR
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said.read().decode("utf-8", "replace").splitlines(keepends=True):
                if wanted.match(line):
                    sys.stderr.write(line)
