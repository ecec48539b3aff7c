"""Stored embeddings of a spec, paired with the images of its source."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from builders.embedding_files import Table, read_table
from builders.image_names import NO_ROW, image_names, listed, match_names
from builders.sources import Source
from builders.spec.types import Embeddings
from common.errors import RequestError

_WHERE, _KEY = "encoder.embeddings.path", "encoder.embeddings.key"
# Larger files are searched for NaN only as their rows are read, and their hash takes samples.
_SCANNED = 1 << 30
_SAMPLED = 4096
_AT_ONCE = 1 << 24
_SHOWN = 3


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
        known = np.flatnonzero(self.places != NO_ROW)
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
        surplus = rows - int((places != NO_ROW).sum())
        if surplus:
            used = set(places.tolist())
            some = [table.names[row] for row in range(rows) if row not in used][:_SHOWN]
            remarks.append(f"'{table.path}': {_rows(surplus)} of no image: {listed(some, surplus)}")
    bad = {int(index): f"has no row in '{table.path}'" for index in np.flatnonzero(places == NO_ROW)}
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
    missing = [index for index in sorted(bad) if pairing.places[index] == NO_ROW]
    names = [pairing.name_of(index) for index in missing or sorted(bad)]
    path = pairing.table.path
    if missing:
        said = f"{len(missing):,} of {total:,} images {_have(len(missing))} no row in '{path}': {listed(names)}"
    else:
        said = _not_finite(path, names)
    raise RequestError(f"{_WHERE}: {said}; write those rows, or set dataset.on_bad_image: skip to leave them out")


def _not_finite(path: str, names: Sequence[str]) -> str:
    return f"{_rows(len(names))} of '{path}' hold{'s' * (len(names) == 1)} NaN, infinity or no number: {listed(names)}"


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


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
    for part in _parts(np.flatnonzero(places != NO_ROW), table):
        finite = np.isfinite(table.numbers(places[part]).reshape(len(part), -1)).all(axis=1)
        found += part[~finite].tolist()
    return found
