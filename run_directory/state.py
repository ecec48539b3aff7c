"""How far a run is, and what it has saved."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

Status = Literal["created", "training", "interrupted", "finished", "failed"]


@dataclass(frozen=True)
class RunState:
    """What `state.json` holds of a run.

    `epoch` and `step` count what is finished; `seconds` is time spent training, over all resumptions; times are UTC in
    ISO 8601. `best` is `{"step": int, "monitor": str, "value": float}`. `pid` and `host` name the process at work.
    """

    status: Status = "created"
    epoch: int = 0
    step: int = 0
    epochs: int | None = None
    steps_per_epoch: int | None = None
    best: Mapping[str, Any] | None = None
    last_step: int | None = None
    started: str = ""
    updated: str = ""
    seconds: float = 0.0
    pid: int | None = None
    host: str = ""
    message: str = ""

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "RunState":
        """From what a file holds; names that are not known are left out.

        Raises:
            ValueError: A value is of another kind than this program writes.
        """
        found = {name: written[name] for name in _KINDS if name in written}
        for name, value in found.items():
            if not isinstance(value, _KINDS[name]) or (name == "status" and value not in get_args(Status)):
                raise ValueError(f"{name} is {value!r:.60}, which no run writes")
            if isinstance(value, bool) or (isinstance(value, int | float) and not 0 <= value < _MOST):
                raise ValueError(f"{name} is {value!r:.60}, which no run writes")
            if name in ("started", "updated") and value:
                datetime.fromisoformat(value)
        best = found.get("best")
        if best is not None and not (
            type(best.get("step")) is int and isinstance(best.get("monitor"), str) and _is_number(best.get("value"))
        ):
            raise ValueError(f"best is {best!r:.60}, which no run writes")
        return cls(**found)


# No count of steps, process number or time of a run comes near it.
_MOST = 2**53


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > _MOST


_COUNT, _COUNT_OR_NONE = int, (int, type(None))
# What values may be, by name.
_KINDS: dict[str, Any] = {
    "status": str,
    "epoch": _COUNT,
    "step": _COUNT,
    "epochs": _COUNT_OR_NONE,
    "steps_per_epoch": _COUNT_OR_NONE,
    "best": (dict, type(None)),
    "last_step": _COUNT_OR_NONE,
    "started": str,
    "updated": str,
    "seconds": (int, float),
    "pid": _COUNT_OR_NONE,
    "host": str,
    "message": str,
}


def process_lives(state: RunState) -> bool:
    """Whether the process that wrote a state is still at work. Of another machine we cannot tell, and believe it."""
    if state.pid is None:
        return False
    if state.host != socket.gethostname():
        return True
    import psutil

    try:
        process = psutil.Process(state.pid)
        born = process.create_time()
        if process.status() == psutil.STATUS_ZOMBIE:  # it has ended; in containers nobody may have taken note
            return False
    except psutil.Error:
        return False
    # A process born after the state was written only inherited the number. Two seconds for the clock's grain.
    return not state.updated or born <= datetime.fromisoformat(state.updated).timestamp() + 2
