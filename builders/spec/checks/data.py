"""Checks of the dataset: splits, classes, labels, and the parts of its source."""

from collections.abc import Iterator

from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem, listed, shown, suggestion

SPLITS = ("train", "validation", "test")


def data_checks(view: View) -> Iterator[Problem]:
    """Problems of the dataset."""
    yield from _splits(view)
    yield from _labels(view)
    yield from _weights(view)
    yield from _value_range(view)
    if view.get("dataset", "image", "margin", kind=float) and view.get("dataset", "image", "fit") in ("stretch", "pad"):
        fit = view.get("dataset", "image", "fit")
        path = ("dataset", "image", "margin")
        yield view.problem(path, f"only 'fit: crop' cuts a margin off, and fit is '{fit}'; remove one of the two")


def _splits(view: View) -> Iterator[Problem]:
    written = [name for name in SPLITS if view.is_given("dataset", "split", name)]
    if not written:
        return
    if "train" not in written:
        yield view.problem(("dataset", "split"), "missing split 'train'; add 'train: rest' or an amount")
    facts = view.facts("source", view.source)
    groups: dict[str | None, list[str]] = {}
    for name in written:
        list_file = view.get("dataset", "split", name, "list", kind=str)
        if list_file is not None:
            if view.is_given("dataset", "split", name, "from"):
                path = ("dataset", "split", name, "from")
                yield view.problem(path, "'list' names the images already; remove one of the two")
            groups.setdefault(f"list {shown(list_file)}", []).append(name)
            continue
        part = view.get("dataset", "split", name, "from", kind=str)
        parts = facts.get("parts")
        if part is not None and parts is not None and part not in parts:
            known = suggestion(part, parts) or (f"; it has {listed(parts)}" if parts else "; it has no parts")
            message = f"source '{view.source}' has no part {shown(part)}{known}"
            yield view.problem(("dataset", "split", name, "from"), message, value=True)
        if part is None and facts.get("binding"):
            part = facts["own_splits"].get(name)
        groups.setdefault(part and f"part '{part}'", []).append(name)
    for part, names in groups.items():
        yield from _shares(view, part, names)


def _shares(view: View, part: str | None, names: list[str]) -> Iterator[Problem]:
    """Splits of one part: shares of at most the whole, and one split that takes the rest."""
    of = part or "the source"
    total, rest = 0.0, []
    counted = next((name for name in names if view.get("dataset", "split", name, "take", kind=int)), None)
    for name in names:
        take = view.get("dataset", "split", name, "take", kind=float | str)
        if isinstance(take, float):
            if take > 1:
                message = f"{take:g} is no share, which is above 0 and up to 1; write {round(take)} for a count"
                yield view.problem(("dataset", "split", name, "take"), message, value=True)
                return
            total += take
            if total > 1 + 1e-9:
                message = f"the splits take {total:g} of {of}, more than the whole; make them 1 or less"
                yield view.problem(("dataset", "split", name, "take"), message, value=True)
                return
        elif take == "rest" and not view.is_given("dataset", "split", name, "per_class"):
            rest.append(name)
    if len(rest) > 1:
        message = f"'{rest[0]}' already takes the rest of {of}, and no image can be in two splits; give one an amount"
        yield view.problem(("dataset", "split", rest[1]), message)
    if total > 1 - 1e-9 and (empty := next(iter(rest), counted)):
        message = f"the other splits take all of {of} and leave nothing for this one; make them smaller"
        yield view.problem(("dataset", "split", empty), message)


def _labels(view: View) -> Iterator[Problem]:
    entry = view.catalogue.entry("source", view.source)
    if entry is None or view.is_given("dataset", "labels"):
        return
    given = any(view.is_given("dataset", "source", view.source, key) for key in ("labels", "labels_key"))
    if entry.facts.get("labelled") is not False and ("labels" not in entry.arguments.fields or given):
        return
    requiring: list[Path] = [("dataset", "classes")] if view.is_given("dataset", "classes") else []
    if view.get("dataset", "balance", kind=bool):
        requiring.append(("dataset", "balance"))
    for name in SPLITS:
        if view.is_given("dataset", "split", name, "per_class"):
            requiring.append(("dataset", "split", name, "per_class"))
    for path in requiring:
        yield view.problem(
            path, f"needs labels, and source '{view.source}' has none; remove it or choose another source"
        )


def _weights(view: View) -> Iterator[Problem]:
    """Weights of a mixture: one for each source, and not beside `balance`."""
    for arguments, name in _sources(view, ("dataset", "source")):
        weights = view.get(*arguments, "weights", kind=list) if name == "mixture" else None
        sources = view.node(*arguments, "sources")
        if weights is None or sources is None or not sources.is_list:
            continue
        if len(weights) != len(sources.value):
            message = f"expected one for each of {len(sources.value)} sources, got {len(weights)}"
            yield view.problem((*arguments, "weights"), message, value=True)
        if view.get("dataset", "balance", kind=bool):
            message = "weights of sources decide already how often images are drawn; remove one of the two"
            yield view.problem(("dataset", "balance"), message)


def _sources(view: View, path: Path) -> Iterator[tuple[Path, str]]:
    """(path of the arguments, name) of the source, and of those inside a mixture."""
    names = view.keys(*path)
    if len(names) != 1:
        return
    arguments: Path = (*path, names[0])
    yield arguments, names[0]
    inside = view.node(*arguments, "sources")
    for place in range(len(inside.value) if inside is not None and inside.is_list else 0):
        yield from _sources(view, (*arguments, "sources", place))


def _value_range(view: View) -> Iterator[Problem]:
    for arguments, _ in _sources(view, ("dataset", "source")):
        path: Path = (*arguments, "value_range")
        given = view.get(*path, kind=list)
        if given and given[0] >= given[1]:
            message = (
                f"expected the value that means black and then the one that means white, a larger one, got {given}"
            )
            yield view.problem(path, message, value=True)
