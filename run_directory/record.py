"""What a checkpoint's header records of its run, and how damaged files of a run are restored from it."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from common.errors import RequestError
from run_directory.checkpoints import Checkpoint, find_checkpoints, read_record
from run_directory.run import Run
from run_directory.state import RunState


def record_of(run: Run, **state: Any) -> dict[str, str]:
    """Name → text of the run's small files, with `state.json` as it will be after some changes."""
    found = {name: run.read(name) for name in _CHECKS}
    # A spec that is saved in another encoding meanwhile must not end the training.
    record = {name: content.decode("utf-8", "replace") for name, content in found.items() if content is not None}
    return {**record, "state.json": json.dumps(asdict(replace(run.state(), **state)))}


def repair(run: Run) -> list[str]:
    """Restores files of a run that are missing or damaged, from its newest readable checkpoint.

    A damaged file stays beside the new one as `NAME.damaged`. What no checkpoint holds stays as it is; reading it
    reports the damage.

    Args:
        run: A run that this process holds.

    Returns:
        A line for every file.
    """
    problems = damaged(run)
    records = (read_record(checkpoint.path) for checkpoint in _newest_first(run))
    record = next(filter(None, records), {}) if problems else {}
    lines = []
    for name, problem in problems.items():
        if name in record:
            run.set_aside(name)
            run.write(record[name], name)
            lines.append(f"{run.path / name}: {problem}; restored from a checkpoint")
        elif name in _DISPENSABLE and run.read(name) is not None:
            run.set_aside(name)
            lines.append(f"{run.path / name}: {problem}; set aside as {name}.damaged")
    return lines


def repair_if_idle(run: Run) -> list[str]:
    """As `repair`, unless a process works on the run or it cannot be written to."""
    if not damaged(run):
        return []
    try:
        with run.lock():
            return repair(run)
    except RequestError:
        return []


def damaged(run: Run) -> dict[str, str]:
    """Name of a file of the run that is missing or damaged → what is wrong with it."""
    began = bool(_newest_first(run))
    problems = {name: _problem(run, name, check, began) for name, check in _CHECKS.items()}
    return {name: problem for name, problem in problems.items() if problem}


def _newest_first(run: Run) -> list[Checkpoint]:
    # Not by Run.checkpoints, which needs the state: that may be what is damaged.
    return find_checkpoints(run.inside("checkpoints"), 1)[::-1]


def _problem(run: Run, name: str, check: Callable[[Run], Any], began: bool) -> str:
    """What is wrong with a file; empty where nothing is. A run that has not begun lacks some files."""
    try:
        content = run.read(name)
        if content is None:
            return "is missing" if began else ""
        content.decode("utf-8")
        check(run)
    except (RequestError, ValueError):
        return "is damaged"
    return ""


def _check_state(run: Run) -> None:
    RunState.read(run.read_json("state.json") or {})


def _check_history(run: Run) -> None:
    rows = run.history_rows()
    with contextlib.suppress(RequestError):  # without a state their number is unknown
        last = run.checkpoints()[-1:]
        if last and len(rows) < last[0].epoch:
            raise ValueError


def _check_spec(run: Run) -> None:
    # A mistake of a user who edits it is reported with its place when it is read; it is not undone.
    content = run.read("spec.yaml") or b""
    if b"\0" in content or not content.strip():
        raise ValueError


_CHECKS: dict[str, Callable[[Run], Any]] = {
    "state.json": _check_state,  # first, for the others need it
    "spec.yaml": _check_spec,
    "spec.resolved.json": Run.resolved_spec,
    "environment.json": Run.environment,
    "history.csv": _check_history,
}
# A run goes on without them: they inform.
_DISPENSABLE = ("environment.json", "spec.resolved.json")
