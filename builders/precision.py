"""`training.precision`: the dtype policy that is fast on this machine, and layers that need another."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf


def _processor_has_amx() -> bool:
    """Whether the CPU multiplies bfloat16 matrices in hardware (Intel AMX); elsewhere bfloat16 is only slower."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False


def resolve_precision(precision: str) -> str:
    """The dtype policy that a spec's `training.precision` means on this machine.

    Args:
        precision: `auto`, `float32`, `mixed_bfloat16` or `mixed_float16`.

    Returns:
        A Keras policy name. `auto` is `mixed_bfloat16` on processors with AMX and on GPUs of compute capability 8.0
        or above, `float32` elsewhere.
    """
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "mixed_bfloat16" if capability >= (8, 0) else "float32"
    return "mixed_bfloat16" if _processor_has_amx() else "float32"


# They divide by a length of at least 1e-12, which is 0 in float16: an image of zeros becomes NaN.
_NOT_IN_FLOAT16 = ("UnitNormalization", "SpectralNormalization")


def layer_dtype(layer: str, dtype: str | None) -> str | None:
    """The dtype policy that a layer is built under.

    Args:
        layer: Its class.
        dtype: What its spec says.

    Returns:
        `dtype`, or `float32` for a layer that cannot compute in float16 where it would have to.
    """
    policy = keras.config.dtype_policy().name if dtype is None else dtype
    return "float32" if layer in _NOT_IN_FLOAT16 and policy in ("float16", "mixed_float16") else dtype


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Builds layers under a dtype policy and leaves the process as it was."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
