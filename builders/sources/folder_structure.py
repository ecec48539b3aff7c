"""What the sub-folders of a folder of images mean: splits, classes, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass, field

# Names under which a dataset's own division is found on disk.
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}

Folders = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Structure:
    """Where splits and classes lie.

    Attributes:
        own_splits: Split → the folder that is for it, as a path inside the whole.
        parts: All folders of the same level, as paths.
        class_depth: Which part of an image's folder names its class: 0 is the first.
        remarks: What a user may have meant otherwise, in whole sentences.
    """

    own_splits: dict[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    class_depth: int = 0
    remarks: tuple[str, ...] = ()

    def class_of(self, folder: tuple[str, ...]) -> str | None:
        """The class of an image in this folder; None outside of class folders."""
        return folder[self.class_depth] if len(folder) > self.class_depth else None

    def is_divided(self, folder: tuple[str, ...]) -> bool:
        """Whether the folder lies in one that is for a split, or there are none."""
        return not self.own_splits or "/".join(folder[: self.class_depth]) in self.own_splits.values()


def own_splits(tops: set[str]) -> dict[str, str]:
    """Split → the part whose name says that it is for it; empty where none is for training."""
    found = {}
    for split, words in SPLIT_FOLDERS.items():
        present = [top for word in words for top in sorted(tops) if top.lower() == word]
        if present:
            found[split] = present[0]
    # A division needs something to train on; a lone class called "test" is a class.
    return found if "train" in found else {}


def structure_of(folders: Folders) -> Structure:
    """Tells splits from classes.

    Folders named train, validation (valid, val, dev) and test are splits where training is not alone beside folders of
    other names: a class may be called train. They may lie in one folder that holds everything, as archives unpack.

    Args:
        folders: All folders that hold images, as their parts below the root; empty for the root itself.
    """
    prefix: tuple[str, ...] = ()
    while True:
        tops = _names(folders, prefix)
        found = own_splits(tops)
        if len(found) > 1 or (found and len(tops) == 1):
            inside = {split: "/".join((*prefix, top)) for split, top in found.items()}
            return Structure(inside, _paths(prefix, tops), len(prefix) + 1)
        if len(tops) != 1 or any(folder == prefix for folder in folders):
            tops = _names(folders, ())
            return Structure({}, _paths((), tops), 0, tuple(_doubts(folders, tops)))
        prefix = (*prefix, *tops)


def _names(folders: Folders, prefix: tuple[str, ...]) -> set[str]:
    depth = len(prefix)
    return {folder[depth] for folder in folders if len(folder) > depth and folder[:depth] == prefix}


def _paths(prefix: tuple[str, ...], tops: set[str]) -> tuple[str, ...]:
    return tuple("/".join((*prefix, top)) for top in sorted(tops))


def _doubts(folders: Folders, tops: set[str]):
    """Remarks on folders that are classes by the rules, and look as if they were meant otherwise."""
    for top in sorted(tops):
        inside = own_splits(_names(folders, (top,)))
        if len(inside) > 1:
            names = " and ".join(f"'{top}/{name}'" for name in inside.values())
            yield (
                f"{names} are not kept apart, for '{top}' has folders beside it; name '{top}' in `path`, or write "
                f"dataset.split with `from: {top}/{inside['train']}`"
            )
            return
    training = own_splits(tops).get("train")
    if training is not None and all(len(folder) > 1 for folder in folders if folder[:1] == (training,)):
        yield (
            f"'{training}' is a class like its neighbours, for no folder beside it validates or tests; name "
            f"'{training}' in `path` to train on it alone"
        )
    if len(tops) == 1 and all(folders):
        [only] = tops
        below = _names(folders, (only,))
        if len(below) > 1:
            yield (
                f"all images lie in '{only}', so that there is one class; name '{only}' in `path` to have its "
                f"{len(below)} folders as classes"
            )
