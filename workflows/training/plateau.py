"""Learning rates that fall when training stands still."""

from collections.abc import Mapping, Sequence

from architectures.reconstructors.base import Reconstructor
from builders.spec import Spec
from workflows.training.monitor import Monitor


class PlateauRates:
    """Sets the learning rates of a model from its history, so that a resumed run has those of an uninterrupted one.

    Keras' and PyTorch's ReduceLROnPlateau count in memory; here the count follows from `history.csv`, as the best epoch
    and early stopping do.

    Args:
        spec: The experiment; nothing happens without `training.reduce_on_plateau`.
        model: Its reconstructor, with the rates of the spec. A discriminator keeps its own.
        monitor: What is monitored.
        steps_per_epoch: Turns durations in epochs into steps.
    """

    def __init__(self, spec: Spec, model: Reconstructor, monitor: Monitor, steps_per_epoch: int):
        self._plateau, self._monitor, self._steps_per_epoch = spec.training.reduce_on_plateau, monitor, steps_per_epoch
        groups = model.trained_groups if self._plateau is not None else []
        self._optimizers = [group.optimizer for group in groups]
        self._initial = [float(optimizer.learning_rate) for optimizer in self._optimizers]
        self._rates = self._initial

    def follow(self, history: Mapping[str, Sequence]) -> str | None:
        """Sets the rates that follow from a history; a sentence where they have changed."""
        if self._plateau is None:
            return None
        factor = self._plateau.factor ** self._monitor.reductions(history, self._steps_per_epoch)
        lowest, before = self._plateau.minimum_rate, self._rates
        self._rates = [max(rate * factor, min(rate, lowest)) for rate in self._initial]
        for optimizer, rate in zip(self._optimizers, self._rates):
            optimizer.learning_rate = rate
        if self._rates == before:
            return None
        return (
            f"learning rate {self._rates[0]:.3g}: {self._monitor.column} has not improved for {self._plateau.patience}"
        )
