"""Checks of losses, metrics and what is monitored; the columns of a run's history."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem, listed, shown, suggestion


def objective_checks(view: View) -> Iterator[Problem]:
    """Problems of the objective."""
    yield from _terms(view)
    yield from _metrics(view)
    yield from _features_kept(view)
    if view.is_given("training", "monitor"):
        yield from _monitored(view, ("training", "monitor"))
    if view.is_given("sweep", "objective"):
        yield from _monitored(view, ("sweep", "objective"))


def _terms(view: View) -> Iterator[Problem]:
    terms = view.keys("loss")
    loss = view.node("loss")
    if loss is not None and loss.is_mapping and not terms:
        yield view.problem(("loss",), "needs at least one term, such as {l1: 0.8, ssim: 0.2}")
    if terms and all(view.get("loss", term, "weight", kind=float | int) == 0 for term in terms):
        message = "every term has the weight 0, so nothing would ever be learned; give one a weight above 0"
        yield view.problem(("loss",), message)
    reported = view.catalogue.reported_terms()
    stacks = [("code", "layers"), ("encoder", "layers"), ("encoder", "residual", "layers"), ("decoder", "layers")]
    layers = {name for stack in stacks for _, name, _ in view.stack(*stack)}
    outputs = ["image", *_outputs(view)]
    needed = set()
    for term in terms:
        kind = view.get("loss", term, "loss", kind=str) or term
        if view.catalogue.entry("loss", kind) is None and kind in reported and not layers & set(reported[kind]):
            message = f"no layer reports '{kind}'; add {listed(reported[kind])} to code.layers"
            yield view.problem(("loss", term), message)
        for key in view.facts("loss", kind).get("needs", ()):
            needed.add(key)
            if not view.is_given(key) and (key,) not in view.faulty:
                yield view.problem(("loss", term), f"needs '{key}', which the spec lacks; add it, or remove the term")
        output = view.get("loss", term, "output", kind=str)
        if output is not None and output not in outputs:
            hint = suggestion(output, outputs) or f"; it gives {listed(outputs)}"
            yield view.problem(("loss", term, "output"), f"the decoder has no image {shown(output)}{hint}", value=True)
    adversarial = [
        name for name in view.catalogue.names("loss") if "discriminator" in view.facts("loss", name).get("needs", ())
    ]
    if view.is_given("discriminator") and adversarial and terms and "discriminator" not in needed:
        message = f"nothing uses it; add {listed(f'loss.{name}' for name in adversarial)}, or remove it"
        yield view.problem(("discriminator",), message)


def _outputs(view: View) -> Iterator[str]:
    for path, layer, _ in view.stack("decoder", "layers"):
        name = view.get(*path, "name", kind=str)
        if layer == "Output" and name is not None:
            yield name


def _metrics(view: View) -> Iterator[Problem]:
    seen = set()
    for path, name in view.choices("metrics"):
        if name in seen:
            yield view.problem(path[:2], f"metric '{name}' stands here twice; remove one")
        seen.add(name)


def _features_kept(view: View) -> Iterator[Problem]:
    """Features can be kept only where they are the same in every epoch."""
    cache = view.get("training", "feature_cache", kind=str)
    if cache not in ("memory", "disk"):
        return
    reasons: dict[Path, str] = {
        ("encoder", "latents"): "an encoder's features, and latents have no encoder",
        ("encoder", "embeddings"): "a frozen network's features, and embeddings are computed already",
        ("encoder", "layers"): "a frozen backbone's features, and this encoder is trained",
        ("dataset", "augment"): "the features of unchanged images, and dataset.augment changes them",
    }
    reason = next((reason for given, reason in reasons.items() if view.is_given(*given)), None)
    if reason is not None:
        message = f"'{cache}' keeps {reason}; use 'auto' or 'off'"
        yield view.problem(("training", "feature_cache"), message)


def _monitored(view: View, path: Path) -> Iterator[Problem]:
    column = view.get(*path, kind=str)
    if column is not None and (message := unmeasured(view, column)):
        yield view.problem(path, message, value=True)


def unmeasured(view: View, column: str) -> str | None:
    """Why a history has no such column, and which it has; None where it has it."""
    metrics = {}
    for _, name in view.choices("metrics"):
        if entry := view.catalogue.entry("metric", name):
            facts = entry.facts
            metrics[name] = Measured(facts.get("in_training") is not False, facts.get("every_step") is True)
    # A source without a division of its own is divided into all three.
    validated = not view.is_given("dataset", "split") or view.is_given("dataset", "split", "validation")
    columns = history_columns(view.keys("loss"), metrics, validated)
    if column in columns:
        return None
    bare = column.removeprefix("val_")
    if bare in metrics and not metrics[bare].in_training:
        return f"'{bare}' is measured only by validate, not while training"
    if column in metrics and validated:
        return f"'{column}' is not measured in training steps, only in validation; write 'val_{column}'"
    if not validated and (bare in metrics or bare in columns):
        other = f"'{bare}'" if bare in columns else listed([f"'{name}'" for name in columns])
        return f"'{column}' needs a split 'validation', and dataset.split has none; add it, or monitor {other}"
    if view.catalogue.entry("metric", bare):
        return f"no column {shown(column)} in the history; add '{bare}' to metrics"
    return f"no column {shown(column)} in the history{suggestion(column, columns) or f'; there are {listed(columns)}'}"


@dataclass(frozen=True)
class Measured:
    """When a metric is measured.

    Args:
        in_training: After every epoch on the validation split; otherwise only by `validate`.
        every_step: Also in training steps.
    """

    in_training: bool
    every_step: bool


def history_columns(terms: Iterable[str], metrics: Mapping[str, Measured], validated: bool) -> list[str]:
    """The figures that every run's history has, in order.

    Args:
        terms: Names of the terms of the loss.
        metrics: Name of each metric → when it is measured.
        validated: Whether there is a validation split.
    """
    losses = ["loss", *(f"loss/{term}" for term in terms)]
    steps = [name for name, metric in metrics.items() if metric.in_training and metric.every_step]
    epochs = [name for name, metric in metrics.items() if metric.in_training]
    return [*losses, *steps, *(f"val_{name}" for name in (*losses, *epochs) if validated)]
