"""Training: a spec or an unfinished run → a trained run."""

from collections.abc import Sequence
from pathlib import Path

from builders.spec import load_spec
from common.errors import RequestError
from run_directory.record import repair
from run_directory.run import Run, newest
from workflows.arguments import means_run
from workflows.command_line import complain
from workflows.console import new_console
from workflows.describe_data import print_data
from workflows.training.restore import check_embeddings, check_frozen_weights
from workflows.training.trainer import Trainer

# What a run that continues may change without becoming another run.
_MAY_CHANGE = (
    "training.epochs",
    "training.early_stopping",
    "training.reduce_on_plateau",
    "training.checkpoints",
    "training.on_nan",
    "training.optimizer",
    "logging.",
)


def train(
    target: str | Path | None,
    overrides: Sequence[str] = (),
    runs_dir: str | Path = "runs",
    resume: bool = False,
    dry_run: bool = False,
    verbose: int = 1,
) -> Run | None:
    """Trains a spec, or continues a run.

    Args:
        target: A spec's path, a run's path to continue it, or None with `resume` for the newest run.
        overrides: `path=value` settings over the spec. A run that continues takes those that its past allows.
        runs_dir: Where new runs are made and the newest is looked for.
        resume: Continue: `target`, or the newest run.
        dry_run: Do one step and one measurement, write nothing, return None.
        verbose: 0 silent, 1 progress bar, 2 one line an epoch.

    Returns:
        The finished run.

    Raises:
        RequestError: The spec, the data or the run is not fit to train.
        Interrupted: Ctrl-C, SIGTERM or SIGHUP; the run is saved.
        TrainingFailed: The loss is not finite.
    """
    if target is None and not resume:
        raise RequestError("train: give a SPEC or a RUN, or --resume to continue the newest run")
    if target is None or resume or means_run(target):
        run = Run.open(target) if target is not None else newest(runs_dir)
        if dry_run:
            raise RequestError(f"{run.path}: --dry-run is for a spec; a run that continues has been through its checks")
        with run.lock():
            for line in repair(run):
                complain(line)
            return _continue(run, overrides, verbose)
    loaded = load_spec(target, overrides)
    if overrides and loaded.spec.expected is not None:
        # Figures measured with a spec do not hold for a changed one.
        loaded = load_spec(target, [*overrides, "expected=null"])
    trainer = Trainer(loaded, verbose)
    if dry_run:
        console = new_console(quiet=verbose == 0)
        print_data(trainer.splits.data, loaded.spec, console)
        for line in trainer.model_remarks:
            console.print(line)
        trainer.rehearse()
        return None
    run = Run.create(runs_dir, loaded.spec.name, loaded)
    with run.lock():
        return trainer.train(run)


def _continue(run: Run, overrides: Sequence[str], verbose: int) -> Run:
    for override in overrides:
        if not override.startswith(_MAY_CHANGE):
            allowed = ", ".join(f"{prefix.rstrip('.')}" for prefix in _MAY_CHANGE)
            raise RequestError(f"--set {override}: a run that continues may change only {allowed}; train again")
    loaded = run.load_spec(overrides)
    state = run.state()
    # One that was killed after its last epoch has still to draw what is drawn at the end.
    if state.status == "finished" and state.epoch >= loaded.spec.training.epochs:
        raise RequestError(
            f"{run.path}: has finished its {state.epoch} epochs; to go on add "
            f"--set training.epochs={state.epoch + loaded.spec.training.epochs}"
        )
    trainer = Trainer(loaded, verbose, resumes=bool(run.checkpoints()))
    began_with = run.environment().get("dataset", {})
    trained_on = began_with.get("fingerprint")
    if trained_on is not None and trained_on != trainer.splits.fingerprint:
        raise RequestError(f"{run.path}: the images in dataset.source have changed since this run began; train again")
    # A run that was made but never began, as a sweep makes them, has nothing to compare with.
    bad = began_with.get("bad_images", trainer.splits.bad_images)
    if list(bad) != list(trainer.splits.bad_images):
        names = sorted(set(bad) ^ set(trainer.splits.bad_images))
        raise RequestError(
            f"{run.path}: other images are unreadable than when this run began ({', '.join(names[:3])}), so its epochs "
            "would be other epochs; put the files back, or train again"
        )
    check_embeddings(run, trainer.splits)
    check_frozen_weights(run, trainer.model.frozen_parts)
    return trainer.train(run, loaded if overrides else None)
