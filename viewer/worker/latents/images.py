"""Which images of a run's dataset its latent space is shown with."""

import math

from builders.dataset_builder import Split
from builders.sources import open_source
from common.errors import RequestError
from run_directory.run import Run
from viewer.worker.models import Models

# A source whose images may be damaged examines all of a split before it gives one: no more pixels than these.
_MOST_PIXELS = 64_000_000
_HELD_OUT = ("test", "validation")


class LatentImages:
    """Opens splits, but none that would keep the worker for minutes.

    Args:
        models: Restored runs and their splits.
    """

    def __init__(self, models: Models):
        self._models = models
        self._quick: dict[str, tuple[str, ...]] = {}
        # What cannot be opened is not tried again at every step of a drag.
        self._missing: set[tuple[str, str]] = set()

    def encoded(self, run: str) -> Split:
        """The images whose codes are shown: the training images, or a smaller split where those take long to open.

        Raises:
            RequestError: The run's data are gone, or have changed since it trained.
        """
        quick, counts = self._quick_splits(run), _counts(run)
        return self._models.split(run, quick[0] if quick else min(counts, key=lambda name: counts[name]))

    def named(self, run: str, name: str) -> Split | None:
        """A split; None where it is gone or takes long to open."""
        if (run, name) in self._missing:
            return None
        try:
            soon = name in self._quick_splits(run) or self._models.has_split(run, name)
            return self._models.split(run, name) if soon else None
        except (RequestError, OSError):
            self._missing.add((run, name))
            return None

    def held_out(self, run: str) -> Split | None:
        """Images that did not train; None where there are none, or none that can be opened soon."""
        return next((split for name in _HELD_OUT if (split := self.named(run, name)) is not None), None)

    def try_again(self, run: str) -> None:
        """Data that were missing may have been put back."""
        self._missing = {key for key in self._missing if key[0] != run}

    def _quick_splits(self, run: str) -> tuple[str, ...]:
        """Names of the splits that open soon."""
        if run not in self._quick:
            opened = Run.open(run)
            pixels = math.prod(opened.image_shape()[:2])
            large = {name for name, count in _counts(run).items() if count * pixels > _MOST_PIXELS}
            if large and not open_source(opened.load_spec().spec.dataset.source).can_fail:
                large = set()
            self._quick[run] = tuple(
                name for name in ("train", *_HELD_OUT) if name in _counts(run) and name not in large
            )
        return self._quick[run]


def _counts(run: str) -> dict[str, int]:
    """Name of a split → how many images it has."""
    return Run.open(run).image_counts()
