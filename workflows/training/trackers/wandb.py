"""Weights & Biases: runs of a project, on its server or, offline, in files."""

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from common.errors import RequestError
from common.registry import TRACKERS
from workflows.training.trackers.tracker import Session, Tracker


@TRACKERS.register("wandb")
class WeightsAndBiases(Tracker):
    """Weights & Biases: figures, pictures and histograms of each run of a project.

    Example:
        wandb: {project: faces, mode: offline}

    Args:
        project: Its name.
        entity: The user or team. Unset: the user who is logged in.
        mode: `offline` writes files in the run's folder, which `wandb sync` sends later. Unset: what WANDB_MODE says,
            or online.
    """

    package = "wandb"
    extra = "wandb"

    def __init__(
        self, project: str = "retrace", entity: str | None = None, mode: Literal["online", "offline"] | None = None
    ):
        self.project = project
        self.entity = entity
        self.mode = mode

    def check(self) -> None:
        """See Tracker."""
        mode = self.mode or os.environ.get("WANDB_MODE") or "online"
        if mode == "online":
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
            import wandb

            if not wandb.Settings().api_key and not wandb.api.api_key:
                raise RequestError("wandb: nobody is logged in; `wandb login`, or write wandb: {mode: offline}")

    def start(self, session: Session) -> str:
        """See Tracker."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        folder = session.run.inside("wandb")
        folder.mkdir(exist_ok=True)
        settings = wandb.Settings(
            console="off", silent=True, disable_git=True, save_code=False, x_disable_stats=True, init_timeout=30
        )
        self._run: Any = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            dir=str(session.run.path),
            id=session.id,
            resume="allow" if session.id else None,
            name=session.name,
            group=session.group,
            config=dict(session.spec),
            settings=settings,
        )
        # Figures of one step come in several calls; W&B's own count of calls is not a step.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")
        return str(self._run.id)

    def scalars(self, figures: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        self._run.log({**{name: float(value) for name, value in figures.items()}, "step": step})

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """See Tracker."""
        import wandb

        pixels = np.round(np.asarray(picture, "float32").clip(0, 1) * 255).astype(np.uint8)
        self._run.log({name: wandb.Image(pixels), "step": step})

    def histograms(self, variables: Mapping[str, np.ndarray], step: int) -> None:
        """See Tracker."""
        import wandb

        found = {}
        for name, values in variables.items():
            finite = np.asarray(values, "float64")[np.isfinite(values)]
            found[name] = wandb.Histogram(np_histogram=np.histogram(finite, bins=64))
        self._run.log({**found, "step": step})

    def finish(self, status: str, results: Mapping[str, str]) -> None:
        """See Tracker."""
        self._run.summary.update({"status": status, **results})
        self._run.finish(exit_code=0 if status == "finished" else 1)
