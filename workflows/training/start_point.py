"""Where a training begins: at its first step, or at the newest checkpoint that is whole."""

from dataclasses import dataclass

from architectures.reconstructors.base import Reconstructor
from common.errors import RequestError
from run_directory.checkpoints import DamagedCheckpoint, whole_or_other
from run_directory.run import Run
from workflows.training.checkpoints import load_checkpoint


@dataclass(frozen=True)
class StartPoint:
    """What is behind a run.

    Args:
        step: Steps that are finished.
        lines: What is not as one would expect, for the user.
    """

    step: int
    lines: tuple[str, ...] = ()


def resume(run: Run, model: Reconstructor, steps_per_epoch: int) -> StartPoint | None:
    """Puts the state of a run's newest whole checkpoint into its model; None where the run has no checkpoint.

    Damaged checkpoints after it are renamed to `….damaged`: the run writes those steps again.

    Raises:
        RequestError: No checkpoint is whole, they belong to another network, or history.csv lacks epochs.
    """
    found = run.checkpoints()
    newest = found[-1].held() if found else None
    if newest is None:
        return None
    try:
        checkpoint, remark = whole_or_other(newest, found[:-1])
    except DamagedCheckpoint as error:
        raise RequestError(f"{error}; no checkpoint of this run is whole, so train again") from None
    fresh = load_checkpoint(model, checkpoint.path, checked=True)
    for damaged in found:
        if damaged.step > checkpoint.step:
            damaged.path.replace(damaged.path.with_name(f"{damaged.path.name}.damaged"))
    epochs = checkpoint.step // steps_per_epoch
    run.truncate_history(epochs)
    if len(run.history_rows()) < epochs:
        raise RequestError(
            f"{run.history_path}: lacks epochs that checkpoint {checkpoint.path.name} has behind it, so neither the "
            "best epoch nor early stopping is known; restore it from a copy of the run"
        )
    return StartPoint(checkpoint.step, (*([remark] if remark else []), *fresh))
