"""MLflow: an experiment's runs in a database, in files, or on a server."""

import os
import re
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from builders.spec.nodes import leaves
from common.registry import TRACKERS
from workflows.training.trackers.tracker import Session, Tracker

# MLflow's own limits: characters of a name, characters of a parameter, items of one call.
_NOT_IN_NAMES = re.compile(r"[^\w\-. /]")
_LONGEST, _MOST = 500, 100
_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


@TRACKERS.register("mlflow")
class MLflow(Tracker):
    """MLflow: figures, pictures and histograms of each run of an experiment.

    Example:
        mlflow: {uri: "sqlite:///mlflow.db"}

    Args:
        uri: The store: `sqlite:///mlflow.db`, `file:./mlruns`, or a server's address. Unset: what MLFLOW_TRACKING_URI
            says, or `sqlite:///mlflow.db`.
        experiment: Its name; made where there is none.
    """

    package = "mlflow"
    extra = "mlflow"

    def __init__(self, uri: str | None = None, experiment: str = "retrace"):
        self.uri = uri
        self.experiment = experiment

    def start(self, session: Session) -> str:
        """See Tracker."""
        # MLflow asks a server that is gone for four minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        # Version 3 takes folders only on request, which a spec that names one is.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import logging

        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        self._client = MlflowClient(tracking_uri=self.uri)
        if session.id is not None:
            try:
                self._client.update_run(session.id, status="RUNNING")
                self._id = session.id
                return session.id
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(self.experiment)
        tags = {"retrace.run": session.name, **({"retrace.sweep": session.group} if session.group else {})}
        self._id = self._client.create_run(experiment, run_name=session.name, tags=tags).info.run_id
        self._describe(session.spec)
        return self._id

    def _describe(self, spec: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        self._client.log_dict(self._id, dict(spec), "spec.resolved.json")
        pairs = [Param(_named(path), str(value)[:_LONGEST]) for path, value in leaves(spec)]
        for first in range(0, len(pairs), _MOST):
            self._client.log_batch(self._id, params=pairs[first : first + _MOST])

    def scalars(self, figures: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        # In a folder `loss` cannot be a file beside a folder `loss/mse`.
        metrics = [Metric(_named(name).replace("/", "."), float(value), now, step) for name, value in figures.items()]
        for first in range(0, len(metrics), _MOST):
            self._client.log_batch(self._id, metrics=metrics[first : first + _MOST])

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """See Tracker."""
        self._client.log_image(self._id, np.asarray(picture, "float32").clip(0, 1), key=_named(name), step=step)

    def histograms(self, variables: Mapping[str, np.ndarray], step: int) -> None:
        """See Tracker. MLflow has no histograms: a JSON file for each step has counts and edges of all."""
        content = {}
        for name, values in variables.items():
            finite = np.asarray(values, "float64")[np.isfinite(values)]
            counts, edges = np.histogram(finite, bins=30)
            content[name] = {"counts": counts.tolist(), "edges": edges.tolist()}
        kind = "gradients" if all(name.startswith("gradient/") for name in variables) else "weights"
        self._client.log_dict(self._id, content, f"histograms/{kind}-{step:08d}.json")

    def finish(self, status: str, results: Mapping[str, str]) -> None:
        """See Tracker."""
        for name, path in results.items():
            self._client.set_tag(self._id, f"retrace.{name.replace(' ', '_')}.path", path)
        self._client.set_terminated(self._id, _STATUS[status])


def _named(name: str) -> str:
    """A name that MLflow takes; of a path in a spec or of a variable."""
    return _NOT_IN_NAMES.sub("_", name)[:240]
