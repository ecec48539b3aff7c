"""Stored embeddings of a spec, paired with the images of its source."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from builders.embedding_files import Table, read_table
from builders.sources import Source
from builders.spec.types import Embeddings
from common.errors import RequestError
from common.formatting import printable

_WHERE, _KEY = "encoder.embeddings.path", "encoder.embeddings.key"
# Larger files are searched for NaN only as their rows are read, and their hash takes samples.
_SCANNED = 1 << 30
_SAMPLED = 4096
_AT_ONCE = 1 << 24
_SHOWN = 3
_NO_ROW = -1
_BY_ORDER = "where rows are in the order of the images, set match: order"


@dataclass(frozen=True)
class Pairing:
    """A row for each image of a source.

    Args:
        table: The rows.
        places: int64 [images]: the row of each image in the table; -1 where there is none.
        match: `order` or `name`: what paired them.
        bad: Index of an image without a usable row → why.
        remarks: Sentences that a user should read before training.
        name_of: Index of an image → its name, for errors.
    """

    table: Table
    places: np.ndarray
    match: str
    bad: Mapping[int, str]
    remarks: tuple[str, ...] = ()
    name_of: Callable[[int], str] = field(default=str)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an embedding."""
        return self.table.shape

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """float32 [n, …]: the embeddings of images, by their indices in the source.

        Raises:
            RequestError: One holds a value that is not finite.
        """
        found = self.table.numbers(self.places[indices])
        if not np.isfinite(found).all():
            wrong = indices[~np.isfinite(found.reshape(len(found), -1)).all(axis=1)]
            raise RequestError(f"{_WHERE}: {_not_finite(self.table.path, [self.name_of(int(i)) for i in wrong])}")
        return found

    def fingerprint(self) -> str:
        """sha256 of the embeddings in the order of the images, so that neither format nor order of a file counts.

        Of more than 1 GB it takes 4,096 rows, evenly chosen.
        """
        digest = hashlib.sha256(f"{self.shape}".encode() + self.places.astype("<i8").clip(-1, 0).tobytes())
        known = np.flatnonzero(self.places != _NO_ROW)
        if _bytes(self.table) > _SCANNED:
            known = known[np.unique(np.linspace(0, len(known) - 1, _SAMPLED).astype(int))]
        for part in _parts(known, self.table):
            digest.update(self.table.numbers(self.places[part]).astype("<f4").tobytes())
        return digest.hexdigest()


def open_embeddings(embeddings: Embeddings) -> Table:
    """The file that a spec names. Raises RequestError where it cannot be read."""
    return read_table(embeddings.path, embeddings.key, _WHERE, _KEY)


def pair(embeddings: Embeddings, source: Source) -> Pairing:
    """Pairs the rows of a file with the images of a source.

    Raises:
        RequestError: The file cannot be read, counts differ where order pairs, names are repeated, or none is known.
    """
    table = open_embeddings(embeddings)
    count, rows = len(source), len(table.rows)
    match = embeddings.match or ("order" if table.names is None else "name")
    remarks = [table.remark] if table.remark else []
    if match == "order":
        if rows != count:
            hint = "pair them with match: name" if table.names else "write one row for each image, in order"
            raise RequestError(
                f"{_WHERE}: '{table.path}' has {rows:,} rows, and the source has {count:,} images; {hint}"
            )
        places = np.arange(count)
    else:
        if table.names is None:
            raise RequestError(
                f"encoder.embeddings.match: '{table.path}' holds no names; set it to order, or write them into the "
                "file: an array `names` in a .npz, a column `name` in a .parquet or .csv"
            )
        names = image_names(source)
        places = match_names(table.names, names, table.path)
        surplus = rows - int((places != _NO_ROW).sum())
        if surplus:
            used = set(places.tolist())
            some = [table.names[row] for row in range(rows) if row not in used][:_SHOWN]
            remarks.append(f"'{table.path}': {_rows(surplus)} of no image: {_listed(some, surplus)}")
    bad = {int(index): f"has no row in '{table.path}'" for index in np.flatnonzero(places == _NO_ROW)}
    bad |= dict.fromkeys(_unusable(table, places), f"its row in '{table.path}' is not finite")
    return Pairing(table, places, match, bad, tuple(remarks), source.name_of)


def refuse_bad(bad: Mapping[int, str], total: int, pairing: Pairing) -> None:
    """Refuses images without a usable row, where a spec does not leave them out.

    Args:
        bad: Those of `pairing.bad` that a split would use.
        total: Images in all splits.
        pairing: The pairing.
    """
    if not bad:
        return
    missing = [index for index in sorted(bad) if pairing.places[index] == _NO_ROW]
    names = [pairing.name_of(index) for index in missing or sorted(bad)]
    path = pairing.table.path
    if missing:
        said = f"{len(missing):,} of {total:,} images {_have(len(missing))} no row in '{path}': {_listed(names)}"
    else:
        said = _not_finite(path, names)
    raise RequestError(f"{_WHERE}: {said}; write those rows, or set dataset.on_bad_image: skip to leave them out")


def _not_finite(path: str, names: Sequence[str]) -> str:
    return f"{_rows(len(names))} of '{path}' hold{'s' * (len(names) == 1)} NaN, infinity or no number: {_listed(names)}"


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _listed(names: Sequence[str], count: int | None = None) -> str:
    more = (count or len(names)) - len(names[:_SHOWN])
    shown = ", ".join(f"'{printable(name)}'" for name in names[:_SHOWN])
    return f"{shown} and {more:,} more" if more else shown


def _bytes(table: Table) -> int:
    return table.rows.size * 4


def _parts(indices: np.ndarray, table: Table) -> list[np.ndarray]:
    """Indices in parts whose rows take some megabytes."""
    most = max(1, _AT_ONCE // max(1, int(np.prod(table.shape)) * 4))
    return [indices[start : start + most] for start in range(0, len(indices), most)]


def _unusable(table: Table, places: np.ndarray) -> list[int]:
    """Indices of images whose row holds a value that is not finite."""
    if _bytes(table) > _SCANNED or table.rows.dtype.kind not in "f":
        return []
    found: list[int] = []
    for part in _parts(np.flatnonzero(places != _NO_ROW), table):
        finite = np.isfinite(table.numbers(places[part]).reshape(len(part), -1)).all(axis=1)
        found += part[~finite].tolist()
    return found


# Names


def image_names(source: Source) -> list[str]:
    """The names of a source's images: paths inside it where they are files."""
    files = source.file_names()
    return [source.name_of(index) for index in range(len(source))] if files is None else list(files)


def match_names(rows: Sequence[str], images: Sequence[str], path: str, where: str = _WHERE) -> np.ndarray:
    """The row of each image, int64 [images], -1 where there is none.

    A row's name is the image's path inside the source, alone or below other folders, without its suffix, or its last
    part where that is unique. Where no name is known at all, whole numbers count images from 0.

    Args:
        rows, images: The names.
        path: The file of the rows, for errors.
        where: What names the file, such as its path in the spec.

    Raises:
        RequestError: Several rows have the name of one image, or no row has the name of any.
    """
    row_names, image_paths = [_plain(name) for name in rows], [_plain(name) for name in images]
    places = np.full(len(images), _NO_ROW, np.int64)
    free = dict.fromkeys(range(len(rows)))
    exact = {name: number for number, name in enumerate(image_paths)}
    doubled: dict[int, list[int]] = {}
    for row, name in enumerate(row_names):
        if (image := exact.get(name)) is not None:
            _take(places, free, doubled, image, row)
    _refuse_doubled(doubled, images, path, where)
    for shorten in (_below_folders, _without_suffix, _last_part, _last_without_suffix):
        waiting = np.flatnonzero(places == _NO_ROW).tolist()
        if not waiting or not free:
            break
        known = _unique((_keys(image_paths[image], shorten), image) for image in waiting)
        for row in list(free):
            found = next((known[key] for key in _keys(row_names[row], shorten, of_row=True) if key in known), None)
            if found is not None:
                _take(places, free, doubled, found, row)
        _refuse_doubled(doubled, images, path, where)
    if (places == _NO_ROW).all():
        numbers = [int(name) if name.isascii() and name.isdecimal() and len(name) < 18 else -1 for name in row_names]
        if min(numbers) < 0 or max(numbers) >= len(images):
            raise RequestError(
                f"{where}: no row of '{path}' has the name of an image: rows are {_listed(rows)}, images "
                f"{_listed(images)}; {_BY_ORDER if where == _WHERE else 'rename the rows'}"
            )
        for row, image in enumerate(numbers):
            _take(places, free, doubled, image, row)
        _refuse_doubled(doubled, images, path, where)
    return places


def _take(places: np.ndarray, free: dict, doubled: dict[int, list[int]], image: int, row: int) -> None:
    free.pop(row, None)
    if places[image] == _NO_ROW:
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
    """What a name is looked up by; that of a row also without the folders that it begins with."""
    if shorten is _last_part or shorten is _last_without_suffix or not of_row:
        return [shorten(name)]
    parts = name.split("/")
    return [shorten("/".join(parts[start:])) for start in range(min(len(parts), 32))]


def _below_folders(name: str) -> str:
    return name


def _without_suffix(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.rpartition('.')[0] or last}"


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
