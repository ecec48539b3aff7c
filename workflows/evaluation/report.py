"""report.html: one page that sums a run up, with its pictures inside, to be opened or sent anywhere."""

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping
from pathlib import Path

from common.formatting import duration_text, printable
from common.metric_words import metric_label, metric_text
from run_directory.run import Run
from workflows.evaluation.results import recipe_text

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


_POLICY = "default-src 'none'; img-src data:; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"


class _Html(str):
    """Markup. Any other string is text, and `_html` escapes it."""


def _html(template: str, **values: object) -> _Html:
    """Markup with values in its braces: the only way into the page. It escapes all that is not markup already."""
    return _Html(template.format(**{name: _escaped(value) for name, value in values.items()}))


def _escaped(value: object) -> str:
    if isinstance(value, _Html):
        return value
    return html.escape("\n".join(printable(line) for line in str(value).expandtabs().split("\n")))


def _joined(parts: Iterable[_Html]) -> _Html:
    return _Html("\n".join(part for part in parts if part))


def write_report(run: Run) -> Path:
    """Writes `report.html` from the run directory: state, evaluations, pictures, spec and environment.

    Raises:
        RequestError: The spec or a picture cannot be read, or is a link.
    """
    spec = run.load_spec().spec
    state, environment = run.state(), run.environment()
    done = f"{state.epoch} of {state.epochs} epochs, {state.step:,} steps in {duration_text(state.seconds)}"
    parts = [
        _html("<h1>{name}</h1>", name=spec.name),
        _html("<p>{words}</p>", words=spec.description) if spec.description else _Html(),
        _html('<p class="faint">{words}</p>', words=f"{run.path.name} · {state.status} · {done}"),
    ]
    for name, evaluation in run.evaluations().items():
        split, count, checkpoint = (evaluation.get(key, "?") for key in ("split", "count", "checkpoint"))
        parts.append(_html("<h2>{words}</h2>", words=f"{count} {split} images, checkpoint {checkpoint}"))
        parts.append(_table(evaluation["metrics"], spec.expected if split == "test" else None))
        pictures = {
            "grid.png": f"Worst, median and best of {name}, with error maps",
            "histograms.png": f"Histograms of PSNR and SSIM, {name}",
            **_LATENT_PICTURES,
        }
        parts += [_picture(run.read("evaluation", name, picture), words) for picture, words in pictures.items()]
    parts += [
        _html("<h2>Training</h2>"),
        _picture(run.read("figures", "loss.png"), "Loss and metrics over the epochs"),
        _html("<h2>Spec</h2><pre>{text}</pre>", text=(run.read("spec.yaml") or b"").decode("utf-8", "replace")),
        _html('<h2>Environment</h2><p class="faint">{words}</p>', words=_environment(environment)),
    ]
    page = _html(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        "<body>\n{body}\n</body></html>\n",
        name=spec.name,
        policy=_POLICY.format(base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")),
        style=_Html(_STYLE),
        body=_joined(parts),
    )
    run.write(page, "report.html")
    return run.report_path


def _table(metrics: Mapping[str, Mapping], expected: object | None) -> _Html:
    head = ["", "measured", "±", "baseline", *(["expected"] if expected else [])]
    rows = []
    for name, figures in metrics.items():
        cells = [
            metric_label(name, figures),
            *(metric_text(name, figures.get(key), figures) for key in ("mean", "std", "baseline")),
        ]
        if expected:
            cells.append(metric_text(name, getattr(expected, name, None), figures))
        rows.append(_html("<tr>{cells}</tr>", cells=_joined(_html("<td>{cell}</td>", cell=cell) for cell in cells)))
    recipes = [
        _html('<p class="faint">{words}</p>', words=f"{metric_label(name, figures)}: {recipe_text(figures['recipe'])}.")
        for name, figures in metrics.items()
        if figures.get("recipe")
    ]
    return _html(
        '<div class="wide"><table><tr>{heads}</tr>{rows}</table></div>'
        '<p class="faint">Baseline: the same figure for each image\'s own mean colour.</p>{recipes}',
        recipes=_joined(recipes),
        heads=_joined(_html("<th>{cell}</th>", cell=cell) for cell in head),
        rows=_joined(rows),
    )


def _picture(png: bytes | None, description: str) -> _Html:
    if png is None:
        return _Html()
    data = base64.b64encode(png).decode("ascii")
    return _html('<img alt="{words}" src="data:image/png;base64,{data}">', words=description, data=data)


def _environment(environment: Mapping) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in environment.get("versions", {}).items())
    git = environment.get("git", {})
    commit = f"commit {git['commit'][:12]}{' with changes' if git.get('dirty') else ''}" if git.get("commit") else ""
    facts = [versions, environment.get("platform", ""), environment.get("precision", ""), commit]
    return " · ".join(fact for fact in facts if fact)
