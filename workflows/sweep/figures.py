"""Figures of a sweep: the objective by trial, by the value of each parameter, and the importance of parameters.

Optuna draws the same three, but through pyplot, whose settings it changes for the whole process.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from workflows.command_line import complain
from workflows.plotting.style import (
    BASELINE,
    FAINT,
    SERIES,
    add_title,
    attempt,
    log_scale,
    new_figure,
    one_line,
    quiet_axes,
    save,
    style,
)
from workflows.sweep.folder import SweepFolder
from workflows.sweep.objective import Objective
from workflows.sweep.space import Parameter, SearchSpace, value_text

_PANELS_IN_A_ROW = 4
_LONGEST_LABEL = 24
_WIDE = 50


def save_figures(
    trials: Sequence[FrozenTrial], space: SearchSpace, objective: Objective, folder: SweepFolder
) -> list[Path]:
    """Draws history.png, slices.png and, where there are several parameters, importances.png.

    Returns:
        The paths; none before two trials have finished. A figure that cannot be drawn is a line on standard error.
    """
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len(finished) < 2:
        return []
    figures: dict[str, Callable[[], Figure | None]] = {
        "history": lambda: _history(trials, finished, objective),
        "slices": lambda: _slices(finished, space, objective),
        "importances": lambda: _importances(finished, space, objective),
    }

    def draw(name: str) -> Path | None:
        figure = figures[name]()
        return None if figure is None else save(figure, folder.figure_path(name))

    with style():
        return [path for name in figures for path in attempt(functools.partial(draw, name), f"{name}.png", complain)]


def _history(trials: Sequence[FrozenTrial], finished: Sequence[FrozenTrial], objective: Objective) -> Figure:
    figure = new_figure(max(5.0, min(12.0, 2.5 + 0.12 * len(trials))), 3.4)
    axes = figure.subplots()
    best, line = finished[0].value or 0.0, []
    for trial in finished:
        value = trial.value or 0.0
        best = value if objective.is_better(value, best) else best
        line.append(best)
    numbers = [trial.number + 1 for trial in finished]
    axes.scatter(numbers, [trial.value or 0.0 for trial in finished], color=SERIES[0], s=22, label="trial", zorder=3)
    # The line extends to the last trial, also if that failed.
    axes.step([*numbers, len(trials)], [*line, line[-1]], where="post", color=SERIES[1], label="best so far")
    for state, words, colour in ((TrialState.PRUNED, "pruned", FAINT), (TrialState.FAIL, "failed", BASELINE)):
        lost = [trial.number + 1 for trial in trials if trial.state == state]
        if lost:
            # Without an objective, they are marked on the upper edge.
            top = axes.get_xaxis_transform()
            axes.scatter(lost, [1.0] * len(lost), marker="x", color=colour, transform=top, clip_on=False, label=words)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(objective.column)
    _scale(axes, finished)
    quiet_axes(axes)
    figure.legend(loc="outside lower center", ncols=4)
    add_title(figure, "Objective by trial")
    return figure


def _scale(axes: Axes, finished: Sequence[FrozenTrial]) -> None:
    """A logarithmic scale where a linear one would separate only the worst trials."""
    values = [trial.value or 0.0 for trial in finished]
    if min(values) > 0 and max(values) > _WIDE * min(values):
        log_scale(axes)


def _slices(finished: Sequence[FrozenTrial], space: SearchSpace, objective: Objective) -> Figure:
    columns = min(len(space.parameters), _PANELS_IN_A_ROW)
    rows = -(-len(space.parameters) // columns)
    figure = new_figure(max(4.4, 2.9 * columns + 0.8), 3.0 * rows + 0.3)
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    points = None
    for parameter, axes in zip(space.parameters, panels):
        points = _slice(axes, parameter, space.names[parameter.path], finished)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel(objective.column)
            _scale(axes, finished)
    for axes in panels[len(space.parameters) :]:
        axes.set_visible(False)
    if points is not None:
        bar = figure.colorbar(points, ax=figure.axes, label="trial", aspect=30, fraction=0.05)
        bar.locator = MaxNLocator(integer=True)
        bar.update_ticks()
        bar.outline.set_visible(False)
    add_title(figure, "Objective by value")
    return figure


def _slice(axes: Axes, parameter: Parameter, name: str, finished: Sequence[FrozenTrial]):
    """One panel, of trials in which the parameter exists; returns its points, for the colour bar."""
    distribution = parameter.distribution
    first, *_, last = (trial.number + 1 for trial in finished)
    finished = [trial for trial in finished if parameter.path in trial.params]
    stored = [trial.params[parameter.path] for trial in finished]
    if isinstance(distribution, CategoricalDistribution):
        places = [distribution.choices.index(value) for value in stored]
        labels = [one_line(value_text(parameter.value(choice), _LONGEST_LABEL)) for choice in distribution.choices]
        long = max(map(len, labels)) * len(labels) > 30
        axes.set_xticks(range(len(labels)), labels)
        if long:
            for label in axes.get_xticklabels():
                label.set(rotation=30, ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.5, len(labels) - 0.5)
    else:
        places = stored
        if isinstance(distribution, FloatDistribution) and distribution.log:
            log_scale(axes, "x")
        elif not isinstance(distribution, FloatDistribution):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    numbers = [trial.number + 1 for trial in finished]
    values = [trial.value or 0.0 for trial in finished]
    points = axes.scatter(
        places, values, c=numbers, cmap="viridis_r", vmin=first, vmax=last, s=26, edgecolors=FAINT, linewidths=0.4
    )
    axes.set_xlabel(name)
    quiet_axes(axes)
    return points


def _importances(finished: Sequence[FrozenTrial], space: SearchSpace, objective: Objective) -> Figure | None:
    """The share of the objective's variance of each parameter that exists in every trial.

    None with fewer than two such parameters, or where all trials are equally good.
    """
    common = set.intersection(*(set(trial.params) for trial in finished))
    if len(common) < 2 or len({trial.value for trial in finished}) < 2:
        return None
    study = optuna.create_study(direction=objective.direction)
    study.add_trials(finished)
    # The variance that each explains in a forest fitted to the trials (Hutter et al., ICML 2014).
    shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    ranked = sorted(((space.names[path], float(share)) for path, share in shares.items()), key=lambda pair: pair[1])
    if not ranked:
        return None
    figure = new_figure(5.6, 1.3 + 0.36 * len(ranked))
    axes = figure.subplots()
    bars = axes.barh([name for name, _ in ranked], [share for _, share in ranked], color=SERIES[0], height=0.6)
    axes.bar_label(bars, [f"{share:.2f}" for _, share in ranked], padding=4)
    axes.set_xlim(0, 1.12)
    axes.set_xlabel(f"share of the variance of {objective.column}")
    quiet_axes(axes)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    add_title(figure, "Importance of each parameter")
    return figure
