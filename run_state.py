"""How far a run is, and what it has saved."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

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


@dataclass(frozen=True)
class Checkpoint:
    """A saved state of a run: its file, the step after which it was written, and the epochs finished by then."""

    path: Path
    step: int
    epoch: int


def process_lives(state: RunState) -> bool:
    """Whether the process that wrote a state is still at work. Of another machine we cannot tell, and believe it."""
    if state.pid is None:
        return False
    if state.host != socket.gethostname():
        return True
    import psutil

    try:
        born = psutil.Process(state.pid).create_time()
    except psutil.Error:
        return False
    # A process born after the state was written only inherited the number. Two seconds for the clock's grain.
    return not state.updated or born <= datetime.fromisoformat(state.updated).timestamp() + 2
