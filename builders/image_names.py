"""Which rows of a file belong to which images, by the names of both."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from builders.sources import Source
from common.errors import RequestError
from common.formatting import printable

NO_ROW = -1
"""The row of an image that has none."""

_SHOWN = 3
_MOST_FOLDERS = 32
_EMBEDDINGS = "encoder.embeddings.path"
_BY_ORDER = "where rows are in the order of the images, set match: order"


def image_names(source: Source) -> list[str]:
    """The names of a source's images: paths inside it where they are files."""
    files = source.file_names()
    return [source.name_of(index) for index in range(len(source))] if files is None else list(files)


def match_names(rows: Sequence[str], images: Sequence[str], path: str, where: str = _EMBEDDINGS) -> np.ndarray:
    """The row of each image, int64 [images], -1 where there is none.

    A row's name is the image's path inside the source, alone or below other folders, with or without its suffix. The
    end of such a path is a name too where it is unique: some of its folders, or its last part alone. Where no name is
    known at all, whole numbers count images from 0.

    Args:
        rows, images: The names.
        path: The file of the rows, for errors.
        where: What names the file, such as its path in the spec.

    Raises:
        RequestError: Several rows have the name of one image, or no row has the name of any.
    """
    row_names, image_paths = [_plain(name) for name in rows], [_plain(name) for name in images]
    places = np.full(len(images), NO_ROW, np.int64)
    free = dict.fromkeys(range(len(rows)))
    exact = {name: number for number, name in enumerate(image_paths)}
    doubled: dict[int, list[int]] = {}
    for row, name in enumerate(row_names):
        if (image := exact.get(name)) is not None:
            _take(places, free, doubled, image, row)
    _refuse_doubled(doubled, images, path, where)
    for shorten in (
        _below_folders,
        _without_suffix,
        _path_end,
        _path_end_without_suffix,
        _last_part,
        _last_without_suffix,
    ):
        waiting = np.flatnonzero(places == NO_ROW).tolist()
        if not waiting or not free:
            break
        known = _unique((_keys(image_paths[image], shorten), image) for image in waiting)
        for row in list(free):
            found = next((known[key] for key in _keys(row_names[row], shorten, of_row=True) if key in known), None)
            if found is not None:
                _take(places, free, doubled, found, row)
        _refuse_doubled(doubled, images, path, where)
    if (places == NO_ROW).all():
        numbers = [int(name) if name.isascii() and name.isdecimal() and len(name) < 18 else -1 for name in row_names]
        if not numbers or min(numbers) < 0 or max(numbers) >= len(images):
            raise RequestError(
                f"{where}: no row of '{path}' has the name of an image: rows are {listed(rows)}, images "
                f"{listed(images)}; {_BY_ORDER if where == _EMBEDDINGS else 'rename the rows'}"
            )
        for row, image in enumerate(numbers):
            _take(places, free, doubled, image, row)
        _refuse_doubled(doubled, images, path, where)
    return places


def _take(places: np.ndarray, free: dict, doubled: dict[int, list[int]], image: int, row: int) -> None:
    free.pop(row, None)
    if places[image] == NO_ROW:
        places[image] = row
    else:
        doubled.setdefault(image, [int(places[image])]).append(row)


def _refuse_doubled(doubled: Mapping[int, Sequence[int]], images: Sequence[str], path: str, where: str) -> None:
    if doubled:
        image, places = next(iter(doubled.items()))
        listed = " and ".join(map(str, places[:_SHOWN]))
        more = f", and {len(doubled) - 1:,} more images are named twice" if len(doubled) > 1 else ""
        raise RequestError(
            f"{where}: rows {listed} of '{path}' are both of image '{printable(images[image])}'{more}; keep one row "
            "for each image"
        )


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _keys(name: str, shorten: Callable[[str], str], of_row: bool = False) -> list[str]:
    """What a name is looked up by: a row's also without the folders that it begins with, or else an image's."""
    if shorten in (_last_part, _last_without_suffix) or of_row == (shorten in (_path_end, _path_end_without_suffix)):
        return [shorten(name)]
    parts = name.split("/")
    # The last part alone is another way, for which all rows count that have none of these.
    ends = min(len(parts), _MOST_FOLDERS) if of_row else min(len(parts) - 1, _MOST_FOLDERS)
    return [shorten("/".join(parts[start:])) for start in range(ends)]


def _below_folders(name: str) -> str:
    return name


def _without_suffix(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.rpartition('.')[0] or last}"


def _path_end(name: str) -> str:
    return name


def _path_end_without_suffix(name: str) -> str:
    return _without_suffix(name)


def _last_part(name: str) -> str:
    return name.rpartition("/")[2]


def _last_without_suffix(name: str) -> str:
    return _without_suffix(_last_part(name))


def _unique(pairs) -> dict[str, int]:
    """Key → number, of keys that only one has."""
    found: dict[str, int] = {}
    several = set()
    for keys, number in pairs:
        for key in keys:
            if found.setdefault(key, number) != number:
                several.add(key)
    return {key: number for key, number in found.items() if key not in several}


def listed(names: Sequence[str], count: int | None = None) -> str:
    """Up to three names in quotes, and how many more there are, of `count` in all."""
    more = (count or len(names)) - len(names[:_SHOWN])
    shown = ", ".join(f"'{printable(name)}'" for name in names[:_SHOWN])
    return f"{shown} and {more:,} more" if more else shown


# From the surest to what only a unique name means.
_WAYS = (_below_folders, _without_suffix, _path_end, _path_end_without_suffix, _last_part, _last_without_suffix)
