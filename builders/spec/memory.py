"""How much memory this machine has, and the least that a network needs."""

import contextlib
import pathlib
import re
import resource
import subprocess
from functools import lru_cache

# Numbers that an optimizer keeps for each weight besides its gradient; all others keep two.
_KEPT = {"SGD": 0, "Adafactor": 0, "Adagrad": 1, "Ftrl": 2, "Lion": 1, "RMSprop": 1}
# Layers whose output a step does not keep for the gradient, or only as the output of the layer before.
_KEEPING_NOTHING = re.compile(
    r"Identity|Flatten|Reshape|MapToTokens|TokensToMap|Permute|Rescaling|Activation|ActivityRegularization|Softmax|ELU|"
    r"\w*ReLU|\w*Dropout|\w*Noise"
)
_CGROUP = pathlib.Path("/sys/fs/cgroup/memory.max")
_NVIDIA = pathlib.Path("/proc/driver/nvidia")
_BYTES = 4


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's or its container's, or a GPU's where that has more."""
    import psutil  # only where a spec is large enough to ask

    limits = [psutil.virtual_memory().total, resource.getrlimit(resource.RLIMIT_AS)[0]]
    with contextlib.suppress(OSError, ValueError):  # without a limit it contains `max`
        limits.append(int(_CGROUP.read_text()))
    return max(min(limit for limit in limits if limit > 0), _gpu_memory())


@lru_cache(maxsize=1)
def _gpu_memory() -> int:
    """Bytes of the largest GPU; 0 where there is none."""
    if not _NVIDIA.exists():
        return 0
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        return max(int(line) for line in output.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def bytes_of_a_weight(optimizer: str, trained: bool = True) -> int:
    """Bytes of one number: itself and, if it is trained, its gradient and the optimizer's state."""
    return _BYTES * (2 + _KEPT.get(optimizer, 2)) if trained else _BYTES


def is_kept(layer: str) -> bool:
    """Whether a step keeps the output of a layer class, besides the outputs of the layers around it."""
    return not _KEEPING_NOTHING.fullmatch(layer)


def shortage(needed: int) -> str:
    """`needs about 40 GB, and this machine has 24 GB`; empty where memory suffices."""
    if needed <= 2**28:  # every machine has that, and asking takes time
        return ""
    available = machine_memory()
    if needed <= available:
        return ""
    return f"needs about {size_text(needed)}, and this machine has {size_text(available)}"


def size_text(count: float) -> str:
    """Bytes as people write them: `40 GB`, `7.5 MB`."""
    if count > 10**21:  # whole numbers have no end, fractions do
        return "1,000 EB and more"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.0f} EB"


def count_text(count: int) -> str:
    """A number in groups of three: `12,288`; by its power of ten where it has many."""
    return f"{count:,}" if count < 10**15 else f"10^{len(str(count)) - 1}"
