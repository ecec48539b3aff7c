"""The base class of trackers: programs that show how trainings go."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from run_directory.run import Run

# Environment variable: the name of the sweep that a training is a trial of.
GROUP = "RETRACE_SWEEP"


@dataclass(frozen=True)
class Session:
    """What a tracker is told when a session of a training begins.

    Args:
        run: The run.
        step: The steps it has finished.
        id: What the tracker called the run in an earlier session; None in the first.
        group: The name of the sweep that the run is a trial of.
        spec: The resolved spec.
    """

    run: Run
    step: int
    id: str | None
    group: str | None
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run's name, for people."""
        return f"{self.run.path.parent.name}/{self.run.path.name}"


class Tracker(ABC):
    """Logs a run. An entry of TRACKERS is a subclass; its first docstring line describes it.

    Attributes:
        package: What it imports.
        extra: The extra that installs it.
        erases: Whether it removes what an earlier session logged of steps that are done again. Of others, what was
            logged before is not logged twice.
    """

    package: str = ""
    extra: str = ""
    erases: bool = False

    def check(self) -> None:  # noqa: B027
        """Raises RequestError where it cannot work, before anything is trained."""

    @abstractmethod
    def start(self, session: Session) -> str | None:
        """Begins to log; returns the id by which a later session goes on."""

    @abstractmethod
    def scalars(self, figures: Mapping[str, float], step: int) -> None:
        """Writes named figures at a step."""

    @abstractmethod
    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """Writes a picture, float [height, width, channels] in [0, 1]."""

    @abstractmethod
    def histograms(self, variables: Mapping[str, np.ndarray], step: int) -> None:
        """Writes a histogram of each array."""

    @abstractmethod
    def finish(self, status: str, results: Mapping[str, str]) -> None:
        """Ends a session.

        Args:
            status: `finished`, `interrupted` or `failed`.
            results: Name → path of what the run has made.
        """
