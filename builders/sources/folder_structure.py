"""The meaning of the sub-folders of a folder of images: splits, classes, or neither."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

# Folder names of a dataset's own splits.
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "validate", "eval", "evaluation"),
    "test": ("test", "testing", "holdout"),
}
_SPLIT_OF = {word: split for split, words in SPLIT_FOLDERS.items() for word in words}
# The words of `seg_train`, `test-images`, `train1`, `trainA`.
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+")
_SHOWN = 3

_Path = tuple[str, ...]
Folders = Sequence[_Path]
_Children = Mapping[_Path, set[str]]


@dataclass(frozen=True)
class Structure:
    """The folders of splits and classes.

    Attributes:
        own_splits: Split → its folder, as a path inside the whole.
        parts: All folders of the same level, as paths.
        class_depth: Which part of an image's folder names its class: 0 is the first.
        remarks: Sentences about folders that a user may have meant otherwise.
    """

    own_splits: dict[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    class_depth: int = 0
    remarks: tuple[str, ...] = ()

    def class_of(self, folder: _Path) -> str | None:
        """The class of an image in this folder; None outside of class folders."""
        return folder[self.class_depth] if len(folder) > self.class_depth else None

    def is_divided(self, folder: _Path) -> bool:
        """Whether the folder is inside that of a split, or there are none."""
        return not self.own_splits or "/".join(folder[: self.class_depth]) in self.own_splits.values()


def own_splits(tops: set[str]) -> dict[str, str]:
    """Split → the part with its name; empty where none is for training."""
    found = {}
    for split, words in SPLIT_FOLDERS.items():
        present = [top for word in words for top in sorted(tops) if top.lower() == word]
        if present:
            found[split] = present[0]
    # Splits need one for training; a lone folder called "test" is a class.
    return found if "train" in found else {}


def structure_of(folders: Folders) -> Structure:
    """Finds which folders are splits and which are classes.

    Folders named in `SPLIT_FOLDERS` are splits, except a single training folder beside folders of other names: a class
    may be called train. They may be inside a single top folder, as in unpacked archives.

    Args:
        folders: All folders with images, as their parts below the root; empty for the root itself.
    """
    children: dict[_Path, set[str]] = {(): set()}
    for folder in folders:
        for depth, name in enumerate(folder):
            children.setdefault(folder[:depth], set()).add(name)
    holding = set(folders)
    prefix: _Path = ()
    while True:
        tops = children.get(prefix, set())
        found = own_splits(tops)
        if len(found) > 1 or (found and len(tops) == 1):
            inside = {split: (*prefix, top) for split, top in found.items()}
            remarks = tuple(_doubts_below(children, inside))
            paths = {split: "/".join(path) for split, path in inside.items()}
            return Structure(paths, _paths(prefix, tops), len(prefix) + 1, remarks)
        if len(tops) != 1 or prefix in holding:
            return Structure({}, _paths((), children[()]), 0, tuple(_doubts(children, holding)))
        prefix = (*prefix, *tops)


def _paths(prefix: _Path, tops: set[str]) -> tuple[str, ...]:
    return tuple("/".join((*prefix, top)) for top in sorted(tops))


def _split_words(children: _Children) -> dict[str, str]:
    """Split → the first of the topmost folders with a word for it in its name, as a path."""
    found: dict[str, str] = {}
    for prefix in sorted(children, key=lambda path: (len(path), path)):
        for name in sorted(children[prefix]):
            for word in _WORD.findall(name):
                if word.lower() in _SPLIT_OF:
                    found.setdefault(_SPLIT_OF[word.lower()], "/".join((*prefix, name)))
    return found


def _doubts(children: _Children, holding: set[_Path]) -> Iterator[str]:
    """Remarks on folders that count as classes, and look like splits."""
    for prefix in sorted(children):
        inside = own_splits(children[prefix])
        if len(inside) > 1:
            above = "/".join(prefix)
            apart = _all([f"{above}/{name}" for name in inside.values()])
            yield (
                f"{apart} are not kept apart, for '{above}' has folders or images beside it; name '{above}' in `path`, "
                f"or write dataset.split with `from: {above}/{inside['train']}`"
            )
            return
    words = _split_words(children)
    if words.keys() - {"train"}:
        names = list(dict.fromkeys(words[split] for split in SPLIT_FOLDERS if split in words))
        verb = "is called like a split, and is not" if len(names) == 1 else "are called like splits, and are not"
        yield (
            f"{_all(names)} {verb} kept apart: call the folders train, validation and test, side by side, or write "
            f"dataset.split with `from: {names[0]}`"
        )
        return
    tops = children[()]
    training = own_splits(tops).get("train")
    if training is not None and (training,) not in holding:
        yield (
            f"'{training}' is a class like its neighbours, for no folder beside it validates or tests; name "
            f"'{training}' in `path` to train on it alone"
        )
    if len(tops) != 1 or () in holding:
        return
    only = _only_way(children, holding, tuple(tops))
    if len(children.get(only, ())) > 1:
        name = "/".join(only)
        yield (
            f"all images lie in '{name}', so that there is one class; name '{name}' in `path` to have its "
            f"{len(children[only])} folders as classes"
        )


def _doubts_below(children: _Children, inside: Mapping[str, _Path]) -> Iterator[str]:
    """Remarks on the folders inside those of splits."""
    for split, path in inside.items():
        below = {prefix: names for prefix, names in children.items() if prefix[: len(path)] == path}
        others = list(dict.fromkeys(name for other, name in _split_words(below).items() if other != split))
        if others:
            yield (
                f"{_all(others)} {'is' if len(others) == 1 else 'are'} used for {split} like all of "
                f"'{'/'.join(path)}'; write dataset.split with `from:` if it is meant otherwise"
            )
    classes = {"/".join(path): children[path] for path in inside.values() if path in children}
    if not classes:
        return
    every = set().union(*classes.values())
    if len(every) == 1:
        [only] = every
        deeper = set().union(*(children.get((*path, only), set()) for path in inside.values()))
        if len(deeper) > 1:
            yield (
                f"there is one class, '{only}', for it holds all images of {_all(list(classes))}; to have its "
                f"{len(deeper)} folders as classes, move them up, out of '{only}'"
            )
    if len(classes) > 1:
        held = {name: [top for top in classes if name in classes[top]] for name in sorted(every)}
        alone = [f"'{tops[0]}/{name}'" for name, tops in held.items() if len(tops) == 1]
        if alone:
            more = f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
            said = "is a class that no other split has" if len(alone) == 1 else "are classes that no other split has"
            yield f"{', '.join(alone[:_SHOWN])}{more} {said}"


def _only_way(children: _Children, holding: set[_Path], path: _Path) -> _Path:
    """The first folder at or below a path that contains images or several folders."""
    while path not in holding and len(children[path]) == 1:
        path = (*path, *children[path])
    return path


def _all(names: Sequence[str]) -> str:
    """`'a', 'b' and 'c'`."""
    quoted = [f"'{name}'" for name in names]
    return " and ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
