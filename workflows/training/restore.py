"""A run → its model, as it was at a checkpoint: to reconstruct images, or to go on training."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from architectures.reconstructors.base import Reconstructor
from architectures.weights.digest import weights_hash
from builders.dataset_builder import DatasetBuilder, Splits
from builders.model_builder import ModelBuilder
from builders.spec import LoadedSpec, Spec
from common.errors import RequestError
from run_directory.checkpoints import Checkpoint, DamagedCheckpoint, whole_or_other
from run_directory.record import repair_if_idle
from run_directory.run import Run
from workflows.command_line import placed
from workflows.training.checkpoints import load_checkpoint, load_weights


@dataclass(frozen=True)
class Restored:
    """A run's model with a checkpoint's weights, ready to reconstruct; `remarks` say what differs from the request."""

    run: Run
    loaded: LoadedSpec
    model: Reconstructor
    checkpoint: Checkpoint
    remarks: tuple[str, ...] = ()

    @property
    def spec(self) -> Spec:
        """The run's spec."""
        return self.loaded.spec

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images the model takes."""
        return self.model.image_shape

    def splits(self, only: Sequence[str] | None = None) -> Splits:
        """The run's data, or some of its splits. Raises RequestError where they have changed since it trained."""
        with placed(self.loaded):
            splits = DatasetBuilder(self.spec).build(only)
        trained_on = self.run.environment().get("dataset", {}).get("fingerprint")
        if trained_on is not None and trained_on != splits.fingerprint:
            raise RequestError(
                f"{self.run.path}: the images in dataset.source are not those this run trained on, so its splits "
                "would mix; put them back, or train again"
            )
        check_embeddings(self.run, splits)
        return splits


def restore(run: Run, checkpoint: str | int | Checkpoint = "best") -> Restored:
    """Builds a run's model and loads the weights of a checkpoint into it, averaged ones where there are any.

    Args:
        run: The run. It may be training: the checkpoint stays until its weights are loaded.
        checkpoint: `best`, `last`, a step, or one that is held already.

    Raises:
        RequestError: No such checkpoint, a damaged one, or pretrained weights that differ from those trained with.
    """
    remarks = repair_if_idle(run)
    if isinstance(checkpoint, Checkpoint):
        held = checkpoint
    else:
        held, remark = run.hold_checkpoint(checkpoint)
        remarks += [remark] if remark else []
    loaded = run.load_spec()
    state = run.state()
    with placed(loaded):
        train_count = run.image_counts().get("train", 0)
        model = ModelBuilder(
            loaded.spec,
            run.image_shape(),
            state.steps_per_epoch or 1,
            train_count=train_count,
            embedding_shape=embedding_shape(run),
        ).build()
    check_frozen_weights(run, model.frozen_parts)
    load_weights(model, held.path, checked=True)
    return Restored(run, loaded, model, held, tuple(remarks))


def resume(run: Run, model: Reconstructor, steps_per_epoch: int) -> tuple[int, list[str]] | None:
    """Puts the state of a run's newest whole checkpoint into its model, to go on training.

    Damaged checkpoints after it are renamed to `….damaged`: the run writes those steps again.

    Returns:
        The steps that are finished, and lines for the user about what is not as expected; None without a checkpoint.

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
    return checkpoint.step, [*([remark] if remark else []), *fresh]


def embedding_shape(run: Run) -> tuple[int, ...]:
    """The shape of the stored embeddings that a run's decoder takes; empty where it takes none."""
    return tuple(run.environment().get("embeddings", {}).get("shape", ()))


def check_embeddings(run: Run, splits: Splits) -> None:
    """Raises RequestError where stored embeddings are not those that the run was trained with."""
    recorded = run.environment().get("embeddings", {}).get("sha256")
    if recorded is not None and recorded != splits.embedding_hash():
        raise RequestError(
            f"{run.path}: the embeddings in encoder.embeddings.path are not those this run was trained with; put the "
            "file back, or train again"
        )


def check_frozen_weights(run: Run, parts: Sequence[keras.Model]) -> None:
    """Compares frozen networks just loaded with those the run was trained with.

    Raises:
        RequestError: They differ, so that the trained decoder would read other features than it learned.
    """
    recorded = run.environment().get("frozen_weights", {})
    for part in parts:
        if part.name in recorded and recorded[part.name] != weights_hash(part.variables):
            raise RequestError(
                f"{run.path}: the pretrained weights of '{part.name}' are not those this run was trained with; "
                "restore the weights file that the spec names"
            )
