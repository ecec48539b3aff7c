"""From a file to a checked, typed spec."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from builders.spec.annotations import READING, language
from builders.spec.catalogue import Catalogue, load_catalogue
from builders.spec.checks import cross_checks
from builders.spec.checks.sweep import trial_checks
from builders.spec.checks.training import schedule_checks
from builders.spec.checks.view import Checked, View
from builders.spec.nodes import DEFAULT, Node, Path, find, from_plain, plain
from builders.spec.overrides import override
from builders.spec.problems import Place, Problem, SpecErrors, in_order, path_text
from builders.spec.reader import read_with_parents, spec_file
from builders.spec.types import Spec
from builders.spec.variables import Variables
from builders.spec.walker import Walker


@dataclass(frozen=True)
class LoadedSpec:
    """A spec that passed all checks.

    Args:
        spec: The typed spec.
        merged: The file with its parents and overrides merged, as a run keeps it: with its variables.
        resolved: Everything filled in and in long form, as JSON data.
        origins: Path of each value of `resolved` → where it was written: `specs/x.yaml:14:7`, `--set …` or `default`.
    """

    spec: Spec
    merged: dict[str, Any]
    resolved: dict[str, Any]
    origins: dict[str, str]
    _root: Node = field(repr=False, compare=False)

    def schedule_problems(self, steps_per_epoch: int) -> list[Problem]:
        """Schedule problems that can only be detected once the number of steps per epoch is known."""
        return list(schedule_checks(View(self._root, set(), load_catalogue()), steps_per_epoch))

    def named_entries(self) -> set[tuple[str, str]]:
        """(kind, name) of each entry of a registry or of Keras that the spec names."""
        walker = Walker(load_catalogue())
        walker.read(from_plain(self.resolved, DEFAULT), language())
        return walker.named

    def locate(self, path: str) -> str:
        """The best known place for a path of the spec: where it was written, or else what is around it.

        Args:
            path: Such as `decoder.layers.3.Conv2D.filters`.
        """
        node, place, rest = self._root, self._root.place, path.split(".")
        while rest:
            for length in range(len(rest), 0, -1):  # keys may contain dots
                key: str | int = ".".join(rest[:length])
                if node.is_list and str(key).isdecimal():
                    key = int(key)
                child, reached = find(node, (key,))
                if reached:
                    if child.place == DEFAULT:
                        return str(place)
                    written_key = node.keys.get(str(key)) if node.is_mapping else None
                    node, place, rest = child, written_key or child.place, rest[length:]
                    break
            else:
                break
        return str(place if node.is_mapping or node.is_list else node.place)


def load_spec(path: str | os.PathLike, overrides: Sequence[str] = (), catalogue: Catalogue | None = None) -> LoadedSpec:
    """Reads, merges, checks and types a spec.

    Args:
        path: A .yaml, .yml or .json file.
        overrides: `path.to.key=value` with values in YAML, applied in order.
        catalogue: Everything a spec may name. Unset: `load_catalogue()`.

    Returns:
        The spec, its plain forms and the origin of every value.

    Raises:
        SpecErrors: With every mistake that was found.
    """
    return _Loading(spec_file(path), overrides, catalogue or load_catalogue()).load()


def load_encoder(
    path: str | os.PathLike,
    overrides: Sequence[str] = (),
    catalogue: Catalogue | None = None,
    with_source: bool = False,
) -> LoadedSpec:
    """Like `load_spec`, for a spec of which only `encoder`, `dataset.image` and `seed` count; the rest may be missing.

    `decoder`, `loss` and, where the size of images is given, `dataset.source` of the result are stand-ins; with
    `with_source` the source counts as well.
    """
    alone = ("source", "image", "on_bad_image") if with_source else ("image",)
    return _Loading(spec_file(path), overrides, catalogue or load_catalogue(), alone).load()


def check_spec(
    path: str | os.PathLike, overrides: Sequence[str] = (), catalogue: Catalogue | None = None
) -> list[Problem]:
    """Every mistake of a spec; an empty list where it has none. The arguments are those of `load_spec`."""
    try:
        load_spec(path, overrides, catalogue)
    except SpecErrors as errors:
        return list(errors.problems)
    return []


class _Loading:
    def __init__(self, path: str, overrides: Sequence[str], catalogue: Catalogue, alone: Sequence[str] = ()):
        self.path = path
        self.alone = alone
        self.overrides = overrides
        self.catalogue = catalogue

    def load(self) -> LoadedSpec:
        merged = self._override(read_with_parents(self.path, self.catalogue))
        if self.alone:
            merged = encoder_alone(merged, self.alone)
        # An override may replace the only use of a variable, and a part that is left out may contain it.
        checked = self._check(merged, unused=not self.overrides and not self.alone)
        found = checked.problems
        if not any(problem.path.startswith("sweep") for problem in found):
            found = [*found, *trial_checks(checked.view, merged, self._check, found)]
        if found:
            raise SpecErrors(in_order(found))
        body = checked.root
        resolved = plain(body)
        kept = {"name": resolved["name"], **{key: plain(item) for key, item in merged.value.items()}}
        if "variables" in kept:
            # Variables that only replaced parts of a parent used would be reported as unused in the merged file.
            used = {f"variables.{name}" for name in checked.used} | _swept_variables(body)
            kept["variables"] = {name: item for name, item in kept["variables"].items() if f"variables.{name}" in used}
        kept = {key: item for key, item in kept.items() if key not in ("$schema", "extends")}
        return LoadedSpec(checked.spec, kept, resolved, _origins(body), body)

    def _check(self, merged: Node, unused: bool = False) -> Checked:
        """Reads a merged tree and finds what is wrong with it, with `unused` also variables that nothing uses."""
        variables = Variables(merged.get("variables"))
        written = {key: item for key, item in merged.value.items() if key not in READING}
        aside = {key: item for key, item in merged.value.items() if key in READING}
        body = with_dependent_defaults(variables(merged.with_items(written)), self.path)
        walker = Walker(self.catalogue)
        tree, spec = walker.read(
            body.with_items({**aside, **body.value}, merged.keys), language(), key=Place(self.path, 1, 1)
        )
        root = tree.with_items({key: item for key, item in tree.value.items() if key not in READING})
        wrong = [problem for problem, path in walker.wrong if path not in variables.failed]
        swept = _swept_variables(root)
        unused_variables = [item for item in variables.unused(self.path) if item.path not in swept] if unused else []
        view = View(root, walker.faulty | {path for _, path in walker.wrong} | variables.failed, self.catalogue)
        found = [*variables.problems, *wrong, *unused_variables, *walker.missing, *cross_checks(view)]
        return Checked(view, _without_defaults(root), spec, found, variables.used())

    def _override(self, root: Node) -> Node:
        problems: list[Problem] = []
        for text in self.overrides:
            try:
                root = override(root, text, self.catalogue)
            except SpecErrors as errors:
                problems += errors.problems
        if problems:
            raise SpecErrors(problems)
        return root


def _without_defaults(root: Node) -> Node:
    """A complete tree without the `defaults` of stacks, which are now in the layers' arguments."""
    items = {}
    for key, part in root.value.items():
        inner = {name: item for name, item in part.children if name != "defaults"}
        items[key] = part.with_items(inner) if part.is_mapping else part
    return root.with_items(items)


def _swept_variables(body: Node) -> set[str]:
    """Paths of the variables that are swept."""
    parameters = find(body, ("sweep", "parameters"))[0]
    return {name for name in parameters.value if name.startswith("variables.")} if parameters.is_mapping else set()


def _origins(node: Node, path: Path = ()) -> dict[str, str]:
    inner = {inside: place for key, child in node.children for inside, place in _origins(child, (*path, key)).items()}
    return inner or {path_text(path): str(node.place)}


def with_dependent_defaults(root: Node, path: str) -> Node:
    """Fills in what follows from other values, before all that does not.

    The name is the file's stem, and a division without any split is none. Without a validation split, the best
    checkpoint is chosen by the training loss.

    Args:
        root: The tree as it was written.
        path: The spec file.
    """
    items = dict(root.value)
    if "name" not in items:
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", PurePath(path).stem).strip("-._")[:100]
        items["name"] = Node(stem or "spec", DEFAULT)
    dataset, training = root.get("dataset"), root.get("training")
    split = dataset.get("split") if dataset is not None else None
    if dataset is not None and split is not None and split.value == {}:
        items["dataset"] = dataset.with_items({**dataset.value, "split": Node(None, DEFAULT)})
    if split is not None and split.is_mapping and split.value and split.get("validation") is None:
        training = Node({}, DEFAULT) if training is None else training
        if training.is_mapping and "monitor" not in training.value:
            items["training"] = training.with_items({**training.value, "monitor": Node("loss", DEFAULT)})
    return root.with_items(items)


# The place of parts that are not in the file.
_STAND_IN = Place("stand-in")
_KEPT = ("version", "seed", "variables", "encoder")
# The other required parts of a spec; loading an encoder alone never uses them.
_STAND_INS = {"decoder": {"layers": [{"Identity": {}}]}, "loss": {"mse": {}}}


def encoder_alone(merged: Node, of_dataset: Sequence[str] = ("image",)) -> Node:
    """The tree with `encoder`, some keys of `dataset`, `seed` and `variables`; all else becomes a stand-in.

    The dataset's source stays also where the size of images is unset, because it may know one.
    """
    dataset = merged.get("dataset")
    image = dataset.get("image") if dataset is not None else None
    size = image.get("size") if image is not None else None
    unknown = "source" in of_dataset or size is None or size.value is None
    source = dataset.get("source") if dataset is not None and unknown else None
    # Where the source counts, its absence is a mistake.
    stand_in = None if "source" in of_dataset else from_plain({"photos": {}}, _STAND_IN)
    parts = {"source": source or stand_in}
    parts |= {key: dataset.get(key) for key in of_dataset if key != "source" and dataset is not None}
    kept = {key: item for key, item in merged.value.items() if key in _KEPT}
    around = dataset if dataset is not None and dataset.is_mapping else Node({}, merged.place)
    kept["dataset"] = around.with_items({key: item for key, item in parts.items() if item is not None})
    return merged.with_items({**kept, **{key: from_plain(value, _STAND_IN) for key, value in _STAND_INS.items()}})
