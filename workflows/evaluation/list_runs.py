"""The table of runs: what has been trained, how far, how well. Light: `cli.py runs` loads no spec and no image code."""

import os
from dataclasses import asdict

from rich.console import Console

from common.formatting import age_text
from common.metric_words import metric_label, metric_text
from run_directory import run as runs
from run_directory.summary import RunSummary, summarise
from workflows.console import lines, new_table

_COLOURS = {"finished": "green", "training": "cyan", "interrupted": "yellow", "failed": "red"}


def list_runs(runs_dir: str | os.PathLike = "runs") -> list[RunSummary]:
    """The rows of all runs under a directory, newest first."""
    return [summarise(run) for run in runs.list_runs(runs_dir)]


def runs_as_json(summaries: list[RunSummary]) -> list[dict]:
    """The rows as plain data."""
    return [asdict(summary) for summary in summaries]


def print_runs(summaries: list[RunSummary], console: Console) -> None:
    """Prints the table."""
    table = new_table("run", "state", "epoch", "best", metric_label("psnr"), metric_label("ssim"), "age", left=2)
    for row in summaries:
        table.add_row(
            row.path,
            lines(row.status, style=_COLOURS.get(row.status, "")),
            f"{row.epoch}/{row.epochs}" if row.epochs else "–",
            f"{row.monitor} {row.best:.4f}" if row.best is not None else "–",
            metric_text("psnr", row.psnr),
            metric_text("ssim", row.ssim),
            age_text(row.started),
        )
    console.print(table)
