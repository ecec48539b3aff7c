"""Images that are too small for what is done with them."""

from collections.abc import Iterator

from builders.spec.catalogue import Entry
from builders.spec.checks.view import View
from builders.spec.nodes import Path
from builders.spec.problems import Problem


def image_size_checks(view: View) -> Iterator[Problem]:
    """Losses and metrics whose window an image does not hold, and shifts out of the image."""
    given = view.image_size()
    if given is None:
        return
    sides, where = given
    size = "×".join(map(str, sides if len(sides) > 1 else sides * 2))
    for path, kind, name in _measures(view):
        entry = view.catalogue.entry(kind, name)
        if (
            entry is None
            or (*path, "scales") in view.faulty
            or (kind == "loss" and view.get(*path, "output", kind=str) != "image")
        ):
            continue
        window, scales = entry.facts.get("window", 1), _scales(view, path, entry)
        if min(sides) < _needed(window, scales):
            # A metric that nobody wrote is not where the mistake is.
            place = path if view.says(path[0]) else where
            yield view.problem(place, _too_small(f"the {kind} {name}", size, min(sides), window, scales))
    for path, name in view.choices("dataset", "augment"):
        pixels = view.get(*path, "pixels", kind=int)
        if name == "random_shift" and pixels is not None and pixels >= min(sides):
            message = f"expected less than the image, {size} pixels, got {pixels}"
            yield view.problem((*path, "pixels"), message, value=True)


def _measures(view: View) -> Iterator[tuple[Path, str, str]]:
    """(path, kind of the catalogue, name) of every loss and metric."""
    for term in view.keys("loss"):
        yield ("loss", term), "loss", view.get("loss", term, "loss", kind=str) or term
    for path, name in view.choices("metrics"):
        yield path, "metric", name


def _scales(view: View, path: Path, entry: Entry) -> int:
    argument = entry.arguments.fields.get("scales")
    default = argument.default if argument is not None else 1
    return view.get(*path, "scales", kind=int) or (default if isinstance(default, int) else 1)


def _needed(window: int, scales: int) -> int:
    """Pixels a side of which the last of the halvings holds the window."""
    return (window - 1) * 2 ** (scales - 1) + 1


def _too_small(what: str, size: str, side: int, window: int, scales: int) -> str:
    possible = max((n for n in range(1, scales) if _needed(window, n) <= side), default=0)
    counted = f" at {scales} scales" if scales > 1 else ""
    needed = _needed(window, scales)
    advice = f"set scales to {possible} or less, or enlarge" if possible else "leave it out, or enlarge"
    return f"{what}{counted} needs images of at least {needed}×{needed} pixels, got {size}; {advice} dataset.image.size"
