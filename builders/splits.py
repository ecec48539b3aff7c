"""Divides a source into disjoint splits by a seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from builders.labels import listed_images
from builders.order import draw_classes, split_order
from builders.sources.source import Source
from builders.spec.data_types import Classes, Dataset, SplitPart
from common.errors import RequestError
from common.formatting import printable
from common.registry import did_you_mean

# Amounts are served in this order, so that test images stay the same when the training amount changes.
_SERVED = ("test", "validation", "train")
_SHOWN = 5  # parts in a line


@dataclass(frozen=True)
class Division:
    """The images of each split.

    Attributes:
        indices: Split → int64 [n], ascending indices into the source.
        classes: Names of the classes that the spec chooses; empty if it chooses none.
        remarks: Sentences about settings that a user may have meant otherwise.
    """

    indices: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def divide(source: Source, dataset: Dataset, seed: int, equal: np.ndarray | None = None) -> Division:
    """Divides a source as `dataset.split` and `dataset.classes` say.

    The seed decides one order of all images. Each split takes its amount from the front of that order, without images
    that other splits have taken: test first, then validation, then train, and `rest` last. Without `dataset.split` the
    source's own parts are used; missing ones are taken from `train` (a tenth each), and a source without parts is
    divided 0.8, 0.1 and the rest.

    Where equal images stay together, a split takes all of them or none, and those in a part of another split are left
    out, so that a split may get fewer images than requested.

    Args:
        source: The images.
        dataset: The spec's dataset.
        seed: The spec's seed.
        equal: int64 [count], for each image the first that is equal to it; None where equal images may be separated.

    Returns:
        The division; its splits are disjoint, and none is empty.

    Raises:
        RequestError: An unknown part or class, an empty split, or more images requested than there are.
    """
    labels = source.labels()
    chosen, classes = _choose_classes(source, labels, dataset.classes, seed)
    order = split_order(seed, len(source))
    order = order[chosen[order]]
    if dataset.split is None:
        requests = _default_split(source, order)
    else:
        requests = {name: dataset.split[name] for name in ("train", "validation", "test") if name in dataset.split}
        if source.binding_splits:
            requests = {
                name: part if part.list_file or part.from_part else replace(part, from_part=source.own_splits.get(name))
                for name, part in requests.items()
            }
    listed, unknown = _listed(source, requests)
    taken, fewer = _serve(source, requests, listed, order, labels, equal)
    free = chosen.copy()
    for indices in taken.values():
        free[indices] = False
    remarks = [*_doubts(source, dataset, requests), *unknown, *fewer, *_unused(source, dataset, free, taken, equal)]
    return Division(taken, classes, tuple(remarks))


def _choose_classes(
    source: Source, labels: np.ndarray, classes: Classes | None, seed: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """bool [count] of the images of the chosen classes, and the names of these classes."""
    if classes is None:
        return np.ones(len(source), bool), ()
    names = source.class_names
    if not names:
        raise RequestError(
            "dataset.classes: this source has no labels; leave the key out, use class folders, or set dataset.labels"
        )
    if classes.names is not None:
        for name in classes.names:
            if str(name) not in names:
                hint = did_you_mean(str(name), names) or f"; known: {', '.join(names[:10])}"
                raise RequestError(f"dataset.classes: unknown class '{name}'{hint}")
        numbers = [names.index(str(name)) for name in classes.names]
    elif classes.count is not None:
        if classes.count > len(names):
            raise RequestError(f"dataset.classes.count: {classes.count} classes asked for, the source has {len(names)}")
        numbers = list(draw_classes(seed, classes.count, len(names)))
    else:
        raise RequestError("dataset.classes: expected {count: N} or a list of class names, got neither")
    return np.isin(labels, numbers), tuple(names[number] for number in numbers)


def _default_split(source: Source, order: np.ndarray) -> dict[str, SplitPart]:
    own = dict(source.own_splits)
    if set(own) >= {"train", "validation", "test"}:
        return {split: SplitPart("rest", own[split]) for split in ("train", "validation", "test")}
    if set(own) > {"train"}:
        requests = {split: SplitPart("rest", part) for split, part in own.items()}
        for split in {"validation", "test"} - set(own):
            count = len(_part_order(source, split, own["train"], order))
            if count < 2:
                raise RequestError(
                    f"dataset.split: the default division takes {split} images from '{printable(own['train'])}', which "
                    f"holds {_images(count)}; add images or write the split out"
                )
            requests[split] = SplitPart(max(1, count // 10), own["train"])
        return requests
    count = len(order)
    if count < 3:
        raise RequestError(
            f"dataset.split: the default division into train, validation and test needs 3 images, got {count}; "
            "add images or write the split out"
        )
    validation = max(1, count // 10)
    train = min(int(count * 0.8), count - validation - 1)
    return {"train": SplitPart(train), "validation": SplitPart(validation), "test": SplitPart("rest")}


def _doubts(source: Source, dataset: Dataset, requests: Mapping[str, SplitPart]) -> Iterator[str]:
    """Remarks on amounts in `dataset.split` that a user may have meant otherwise."""
    if dataset.split is None:
        return
    for split, request in requests.items():
        if request.take == 1 and not isinstance(request.take, float):
            yield f"dataset.split.{split}: 1 takes one image; 1.0 takes all"
    mixing = next((split for split, request in requests.items() if not (request.from_part or request.list_file)), None)
    if mixing is not None and len(source.own_splits) > 1:
        parts = ", ".join(f"'{printable(part)}'" for part in source.own_splits.values())
        own = printable(source.own_splits.get(mixing, source.own_splits["train"]))
        yield f"dataset.split.{mixing} draws from {parts} alike; write `from: {own}` to keep the source's parts apart"


def _unused(
    source: Source, dataset: Dataset, free: np.ndarray, taken: Mapping[str, np.ndarray], equal: np.ndarray | None
) -> Iterator[str]:
    """Remarks on images in no split, which the spec does not request; `free` marks those that could be in one."""
    if equal is not None:
        out = free & np.isin(equal, equal[np.concatenate(list(taken.values()))])
        if out.any():
            left_out = f"{_images(out.sum())} {_are(out.sum())} left out"
            yield f"{left_out}, because equal ones are in another split (dataset.duplicates)"
    if dataset.split is not None or not source.own_splits:
        return
    beside = free.copy()
    words = []
    for name in source.part_names():
        beside[source.part(name)] = False
        count = int(free[source.part(name)].sum())
        if count and name not in source.own_splits.values():
            words.append(f"'{printable(name)}' ({count})")
    if words:
        more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
        yield f"no split uses the images of {', '.join(words[:_SHOWN])}{more}; dataset.split can name them with `from:`"
    if beside.any():
        yield f"{_images(beside.sum())} {_are(beside.sum())} in no split, outside of the source's parts"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _listed(source: Source, requests: Mapping[str, SplitPart]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Split → the images that its list names; and remarks on names that no image has."""
    found: dict[str, np.ndarray] = {}
    remarks = []
    files = {split: request.list_file for split, request in requests.items() if request.list_file is not None}
    for split, file in files.items():
        found[split], remark = listed_images(file, source, split)
        remarks += [remark] if remark else []
        for other in found:
            both = np.intersect1d(found[split], found[other])
            if files[other] != file and len(both):
                shown = ", ".join(f"'{source.name_of(int(index))}'" for index in both[:3])
                more = f" and {len(both) - 3} more" if len(both) > 3 else ""
                raise RequestError(
                    f"dataset.split.{split}.list: {_images(len(both))} {_are(len(both))} also in the list of {other}: "
                    f"{shown}{more}; no image can be in two splits, so remove them from one list"
                )
    return found, remarks


def _serve(
    source: Source,
    requests: Mapping[str, SplitPart],
    listed: Mapping[str, np.ndarray],
    order: np.ndarray,
    labels: np.ndarray,
    equal: np.ndarray | None,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Split → its images; and remarks on splits that are smaller than requested."""
    free = np.ones(len(source), bool)
    taken: dict[str, np.ndarray] = {}
    fewer = []
    parts = {
        split: _in_order(order, listed[split], len(source))
        if split in listed
        else _part_order(source, split, request.from_part, order)
        for split, request in requests.items()
    }
    # A `rest` with per_class is an amount like others, and may be used beside a plain `rest`.
    # Lists come first, so that others do not take from them. One without an amount is all that no other took of it.
    last = [split for split in _SERVED if split in requests and _is_rest(requests[split])]
    amounts = [split for split in _SERVED if split in requests and split not in last]
    amounts.sort(key=lambda split: (split not in listed, split in listed and requests[split].take == "rest"))
    for split in [*amounts, *last]:
        request, part = requests[split], parts[split]
        if split in last and any(len(np.intersect1d(part, parts[other])) for other in last if other != split):
            raise RequestError(f"dataset.split: {' and '.join(sorted(last))} both take the rest of the same images")
        available = part[free[part]]
        if request.per_class is not None:
            available = _per_class(source, split, available, labels, request.per_class)
        whole = len(part) if request.per_class is None else len(available)
        wanted = len(available) if request.take == "rest" else _count(split, request.take, whole)
        if wanted > len(available):
            raise RequestError(_too_many(split, request, wanted, len(available), whole, taken))
        if wanted == 0:
            raise RequestError(_empty(split, request, len(part), taken))
        if equal is None:
            taken[split] = np.sort(available[:wanted])
            free[taken[split]] = False
            continue
        taken[split] = np.sort(_together(available, wanted, equal))
        free[np.isin(equal, equal[taken[split]])] = False
        if not len(taken[split]):
            raise RequestError(
                f"dataset.split.{split}: {_images(wanted)} {_are(wanted)} fewer than any group of equal ones; raise "
                "it, or set dataset.duplicates: allow"
            )
        if len(taken[split]) < wanted:
            fewer.append(
                f"dataset.split.{split}: asked for {_images(wanted)}, got {len(taken[split])}, to keep equal images "
                "together (dataset.duplicates)"
            )
    return {split: taken[split] for split in ("train", "validation", "test") if split in taken}, fewer


def _together(available: np.ndarray, wanted: int, equal: np.ndarray) -> np.ndarray:
    """At most `wanted` of the images, in their order; of equal ones all or none."""
    groups = equal[available]
    _, first, inverse, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    takes = np.zeros(len(sizes), bool)
    for group in np.argsort(first).tolist():
        if sizes[group] <= wanted:
            takes[group] = True
            wanted -= int(sizes[group])
    return available[takes[inverse]]


def _is_rest(request: SplitPart) -> bool:
    return request.take == "rest" and request.per_class is None and request.list_file is None


def _count(split: str, take: float | int | str, whole: int) -> int:
    """The number of images of an amount: a share of the whole if it is a float, else itself."""
    if not isinstance(take, float):
        return int(take)
    if not 0 < take <= 1:
        raise RequestError(
            f"dataset.split.{split}: {take:g} is no share, which is above 0 and up to 1; write "
            f"{max(1, round(take))} for a count"
        )
    # 0.1 of 30, which is 2.9999…, is 3.
    return int(take * whole + 1e-9)


def _part_order(source: Source, split: str, name: str | None, order: np.ndarray) -> np.ndarray:
    """The images of a part, in `order`."""
    if name is None:
        return order
    part = source.part(name)
    if part is None:
        known = source.part_names()
        hint = did_you_mean(name, known) or (f"; known: {', '.join(known[:10])}" if known else "; it has no parts")
        raise RequestError(f"dataset.split.{split}.from: the source has no part '{name}'{hint}")
    return _in_order(order, part, len(source))


def _in_order(order: np.ndarray, part: np.ndarray, count: int) -> np.ndarray:
    """The images of a part, in `order`."""
    member = np.zeros(count, bool)
    member[part] = True
    return order[member[order]]


def _per_class(source: Source, split: str, available: np.ndarray, labels: np.ndarray, most: int) -> np.ndarray:
    if not source.class_names:
        raise RequestError(f"dataset.split.{split}.per_class: this source has no labels; leave the key out")
    kept = np.zeros(len(labels), bool)
    for label in np.unique(labels[available]):
        kept[available[labels[available] == label][:most]] = True
    return available[kept[available]]


def _where(request: SplitPart) -> str:
    if request.list_file is not None:
        return f"list '{printable(request.list_file)}'"
    return f"part '{request.from_part}'" if request.from_part else "the source"


def _too_many(
    split: str, request: SplitPart, wanted: int, available: int, whole: int, taken: Mapping[str, np.ndarray]
) -> str:
    others = ", ".join(f"{name} {len(indices)}" for name, indices in taken.items())
    return (
        f"dataset.split.{split}: asks for {_images(wanted)} ({request.take}), but only {available} of the {whole} in "
        f"{_where(request)} are left{f' (taken: {others})' if others else ''}; lower an amount or write `rest`"
    )


def _empty(split: str, request: SplitPart, whole: int, taken: Mapping[str, np.ndarray]) -> str:
    others = ", ".join(f"{name} {len(indices)}" for name, indices in taken.items())
    return (
        f"dataset.split.{split}: {request.take} of {_where(request)} ({_images(whole)}"
        f"{f'; taken: {others}' if others else ''}) selects no images; raise it, lower another, or remove this split"
    )
