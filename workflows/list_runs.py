"""The table of runs: what has been trained here, how far, how well."""

import os
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.text import Text

import runs
from builders.errors import RequestError
from runs import Run
from workflows.console import age_text, metric_label, metric_text, new_table

_COLOURS = {"finished": "green", "training": "cyan", "interrupted": "yellow", "failed": "red"}


@dataclass(frozen=True)
class RunSummary:
    """A run in one row. Figures are None where they were not measured.

    Args:
        path: The run's directory.
        name: The spec's name.
        status: created, training, interrupted, finished or failed.
        epoch: Finished epochs.
        epochs: Epochs in all.
        monitor: The figure that decides which checkpoint is best.
        best: Its best value.
        psnr: Mean in dB of the newest evaluation.
        ssim: Mean of the newest evaluation.
        evaluation: Which evaluation that was: `test-best`.
        started: UTC in ISO 8601.
        updated: UTC in ISO 8601.
        message: Why it failed or stopped.
    """

    path: str
    name: str
    status: str
    epoch: int = 0
    epochs: int | None = None
    monitor: str | None = None
    best: float | None = None
    psnr: float | None = None
    ssim: float | None = None
    evaluation: str | None = None
    started: str = ""
    updated: str = ""
    message: str = ""


def summarise(run: Run) -> RunSummary:
    """The row of a run. One whose state cannot be read gets a row that says so."""
    try:
        state = run.state()
    except RequestError as error:
        return RunSummary(str(run.path), run.path.parent.name, "unreadable", message=str(error))
    evaluations = run.evaluations()
    # test-best says most; else whatever was measured.
    chosen = next((name for name in ("test-best", "test-last", *evaluations) if name in evaluations), None)
    figures = evaluations[chosen].get("metrics", {}) if chosen else {}
    best = state.best or {}
    return RunSummary(
        path=str(run.path),
        name=str(run.resolved_spec().get("name") or run.path.parent.name),
        status=state.status,
        epoch=state.epoch,
        epochs=state.epochs,
        monitor=best.get("monitor"),
        best=best.get("value"),
        psnr=figures.get("psnr", {}).get("mean"),
        ssim=figures.get("ssim", {}).get("mean"),
        evaluation=chosen,
        started=state.started,
        updated=state.updated,
        message=state.message,
    )


def list_runs(runs_dir: str | os.PathLike = "runs") -> list[RunSummary]:
    """The rows of all runs under a directory, newest first."""
    return [summarise(run) for run in runs.list_runs(runs_dir)]


def as_json(summaries: list[RunSummary]) -> list[dict]:
    """The rows as plain data."""
    return [asdict(summary) for summary in summaries]


def print_runs(summaries: list[RunSummary], console: Console) -> None:
    """Prints the table."""
    table = new_table("run", "state", "epoch", "best", metric_label("psnr"), metric_label("ssim"), "age", left=2)
    for row in summaries:
        table.add_row(
            row.path,
            Text(row.status, style=_COLOURS.get(row.status, "")),
            f"{row.epoch}/{row.epochs}" if row.epochs else "–",
            f"{row.monitor} {row.best:.4f}" if row.best is not None else "–",
            metric_text("psnr", row.psnr),
            metric_text("ssim", row.ssim),
            age_text(row.started),
        )
    console.print(table)
