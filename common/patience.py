"""Work that may never end, such as resolving a name without a network, given up after some seconds."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_time(work: Callable[[], Result], seconds: float) -> Result:
    """Does some work in a thread, and leaves it behind where it takes too long.

    Args:
        work: What to do.
        seconds: How long to wait.

    Returns:
        What `work` returns.

    Raises:
        TimeoutError: It takes longer.
        Exception: What `work` raises.
    """
    done: dict[str, Any] = {}

    def do() -> None:
        try:
            done["result"] = work()
        except Exception as error:
            done["error"] = error

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(seconds)
    if "error" in done:
        raise done["error"]
    if "result" not in done:
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return done["result"]
