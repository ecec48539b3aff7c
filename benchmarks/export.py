"""Exports the quickstart in every format and precision, and writes what that costs into docs/export.md.

    .venv/bin/python benchmarks/export.py [RUN]        without a RUN, trains the quickstart first: 5 minutes on 2 cores

Times are medians of calls in a process of their own; take them on an idle machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common.files import write_atomically  # noqa: E402 (the repository is no package)
from run_directory.run import Run, list_runs  # noqa: E402 (the repository is no package)
from workflows.export.formats import format_called, format_names  # noqa: E402
from workflows.export.manifest import read_manifest  # noqa: E402

PAGE = ROOT / "docs" / "export.md"
FIGURES = ROOT / "docs" / "export.json"
_BEGIN, _END = "<!-- written by benchmarks/export.py -->\n", "<!-- end -->\n"


def train(folder: str) -> Run:
    """Trains the quickstart and evaluates it."""
    subprocess.run([ROOT / "trainer.sh", ROOT / "specs" / "quickstart.yaml", "--runs-dir", folder], check=True)
    return list_runs(folder)[0]


def export(run: Run) -> None:
    """Exports a run in every format and precision again."""
    for form in format_names():
        for precision in format_called(form).PRECISIONS:
            options = ["--format", form, "--precision", precision, "--force"]
            subprocess.run([sys.executable, ROOT / "exporter.py", run.path, *options], check=True)


def rows(run: Run) -> Iterator[dict]:
    """One row for each model and signature of a run's export."""
    for model in read_manifest(run.export_dir)["models"]:
        for name, signature in model["proof"]["signatures"].items():
            if name == "serving_default":  # one of the others
                continue
            outputs = signature["outputs"].values()
            sizes = sorted(signature["latency_ms"], key=int)
            yield {
                "format": f"{model['format']} {model['precision']}",
                "signature": name,
                "difference": max(figures["largest_difference"] for figures in outputs),
                "loss_db": model["proof"].get("loss_db"),
                "ms_alone": signature["latency_ms"][sizes[0]],
                "ms_in_batch": signature["latency_ms"][sizes[-1]] / int(sizes[-1]),
                "megabytes": model["size"] / 1e6,
            }


def table(figures: list[dict]) -> str:
    """The rows as Markdown."""
    lines = [
        "| format | signature | largest difference | loss (dB) | ms an image, alone | in a batch of 17 | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in figures:
        loss = "–" if row["loss_db"] is None else f"{row['loss_db']:.3f}"
        cells = [row["format"], f"`{row['signature']}`", f"{row['difference']:.1e}", loss]
        cells += [f"{row['ms_alone']:.2f}", f"{row['ms_in_batch']:.2f}", f"{row['megabytes']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures and writes the table between its two marks in the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", help="a run of the quickstart; trained where none is named")
    chosen = parser.parse_args().run
    with tempfile.TemporaryDirectory() as folder:
        run = Run.open(chosen) if chosen else train(folder)
        export(run)
        figures = list(rows(run))
    write_atomically(FIGURES, json.dumps({"processors": os.cpu_count(), "rows": figures}, indent=1) + "\n")
    before, rest = PAGE.read_text(encoding="utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    write_atomically(PAGE, f"{before}{_BEGIN}{table(figures)}{_END}{after}")


if __name__ == "__main__":
    main()
