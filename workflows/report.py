"""report.html: one page that sums a run up, with its pictures inside, to be opened or sent anywhere."""

import base64
import html
from collections.abc import Mapping
from pathlib import Path

from files import write_atomically
from runs import Run
from words import duration_text, metric_label, metric_text

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2430; --faint: #6b7180; --line: #e1e4ea; --paper: #fff; --soft: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ee; --faint: #9aa1b1; --line: #343a48; --paper: #171a21; --soft: #1f232c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
       font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.4rem 0 .7rem; }
p { margin: .4rem 0; } .faint { color: var(--faint); font-size: .9rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem 1.4rem .35rem 0; text-align: right; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
th { color: var(--faint); font-weight: 500; } th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
img { display: block; max-width: 100%; margin: .6rem 0; border-radius: 6px; background: #fff; padding: .5rem; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .9rem 1rem; overflow-x: auto;
      font: .84rem/1.5 ui-monospace, monospace; }
"""

_LATENT_PICTURES = {
    "latent_space.png": "Latents by class",
    "latent_space_umap.png": "Latents by class, their neighbourhoods laid out by UMAP",
    "latent_plane.png": "A plane through latent space, decoded",
    "interpolations.png": "Straight lines between held-out latents, decoded",
    "held_out.png": "The loss over the steps of the search",
}


def write_report(run: Run) -> Path:
    """Writes `report.html` from what lies in the run directory: state, evaluations, pictures, spec and environment."""
    spec = run.load_spec().spec
    state, environment = run.state(), run.environment()
    parts = [f"<h1>{_text(spec.name)}</h1>"]
    if spec.description:
        parts.append(f"<p>{_text(spec.description)}</p>")
    done = f"{state.epoch} of {state.epochs} epochs, {state.step:,} steps in {duration_text(state.seconds)}"
    parts.append(f'<p class="faint">{_text(run.path.name)} · {_text(state.status)} · {_text(done)}</p>')
    for name, evaluation in run.evaluations().items():
        split = evaluation["split"]
        parts.append(
            f"<h2>{evaluation['count']} {_text(split)} images, checkpoint {_text(evaluation['checkpoint'])}</h2>"
        )
        parts.append(_table(evaluation["metrics"], spec.expected if split == "test" else None))
        directory = run.evaluation_dir(split, evaluation["checkpoint"])
        parts.append(_picture(directory / "grid.png", f"Worst, median and best of {name}, with error maps"))
        parts.append(_picture(directory / "histograms.png", f"Histograms of PSNR and SSIM, {name}"))
        for picture, words in _LATENT_PICTURES.items():
            parts.append(_picture(directory / picture, words))
    parts.append("<h2>Training</h2>")
    parts.append(_picture(run.figures_dir / "loss.png", "Loss, PSNR and SSIM over the epochs"))
    parts.append(f"<h2>Spec</h2><pre>{_text(run.spec_path.read_text(encoding='utf-8'))}</pre>")
    parts.append(f"<h2>Environment</h2><p class='faint'>{_text(_environment(environment))}</p>")
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(spec.name)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body>\n{chr(10).join(part for part in parts if part)}\n</body></html>\n"
    )
    write_atomically(run.report_path, page)
    return run.report_path


def _text(value: object) -> str:
    return html.escape(str(value))


def _table(metrics: Mapping[str, Mapping], expected: object | None) -> str:
    head = ["", "measured", "±", "baseline", *(["expected"] if expected else [])]
    rows = []
    for name, figures in metrics.items():
        cells = [metric_label(name), *(metric_text(name, figures[key]) for key in ("mean", "std", "baseline"))]
        if expected:
            cells.append(metric_text(name, getattr(expected, name, None)))
        rows.append("".join(f"<td>{_text(cell)}</td>" for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    heading = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    return (
        f'<div class="wide"><table><tr>{heading}</tr>{body}</table></div>'
        '<p class="faint">Baseline: the same figure for each image\'s own mean colour.</p>'
    )


def _picture(path: Path, description: str) -> str:
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{_text(description)}" src="data:image/png;base64,{data}">'


def _environment(environment: Mapping) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in environment.get("versions", {}).items())
    git = environment.get("git", {})
    commit = f"commit {git['commit'][:12]}{' with changes' if git.get('dirty') else ''}" if git.get("commit") else ""
    facts = [versions, environment.get("platform", ""), environment.get("precision", ""), commit]
    return " · ".join(fact for fact in facts if fact)
