"""Files of codes that `reconstruct --codes` decodes, and the image files that belong to them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from builders.embedding_files import Table, read_table, stored_names
from builders.image_names import match_names
from builders.spec import Spec
from common.errors import RequestError
from common.formatting import printable
from common.picture_formats import SUFFIXES
from run_directory.run import Run
from workflows.arguments import find_images
from workflows.outputs import check_reconstructions, unique_names

_OPTION = "--codes"
_LONGEST_NAME = 120
_ODD = re.compile(r"[^\w.()+=@, -]")


@dataclass(frozen=True)
class Codes:
    """Rows to be decoded.

    Args:
        path: The file.
        tables: Their file, read once for each tap of a network, or once.
        names: The name of each row's image files, without suffix.
        files: The image file of each row, whose figures are wanted; None where there is none.
    """

    path: Path
    tables: Sequence[Table]
    names: Sequence[str]
    files: Sequence[Path | None]

    def __len__(self) -> int:
        return len(self.names)

    def label(self, row: int) -> str:
        """What a row is called in tables and messages."""
        names = self.tables[0].names
        return f"row {row}" if names is None else names[row]

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Places of rows, and float32 [n, …] for each tap."""
        for start in range(0, len(self), size):
            rows = np.arange(start, min(start + size, len(self)))
            yield rows, [table.numbers(rows) for table in self.tables]

    def require(self, shapes: Sequence[tuple[int, ...]], run: Run) -> None:
        """Raises RequestError where rows have another shape than a run takes."""
        for table, wanted in zip(self.tables, shapes):
            if table.shape != wanted:
                raise RequestError(
                    f"{_OPTION} {table.path}: each row is {_sides(table.shape)}, and {run.path} takes {_sides(wanted)}"
                )


def _sides(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) + (" numbers" if len(shape) == 1 else "")


def requested(
    run: Run, images: Sequence[str], out: str, codes: str | None, arrays: bool, force: bool
) -> tuple[list[Path], Codes | None]:
    """Checks a request to reconstruct, before TensorFlow is loaded.

    Args:
        run: The run.
        images: Image files and folders.
        out: The directory that is written to.
        codes: A file of codes to decode, if any.
        arrays, force: See `check_reconstructions`.

    Returns:
        The image files, and the codes.

    Raises:
        RequestError: The request is wrong.
    """
    spec = run.load_spec().spec
    if codes is None and spec.encoder.embeddings is not None:
        raise RequestError(f"{run.path}: has no encoder, its codes are stored embeddings; give some with --codes FILE")
    files = find_images(images) if codes is None or images else []
    stored = None if codes is None else read_codes(spec, codes, files)
    inputs = files if stored is None else [stored.path, *files]
    check_reconstructions(spec, inputs, out, arrays, force, images, None if stored is None else stored.names)
    return files, stored


def read_codes(spec: Spec, path: str, images: Sequence[Path] = ()) -> Codes:
    """Reads a file of codes for a run: embeddings as stored, taps as `features` writes them, latents or codes.

    Args:
        spec: The run's spec.
        path: The .npy, .npz, .parquet or .csv file.
        images: Image files, paired with rows by name where the file has names, else by order.

    Raises:
        RequestError: The file cannot be read, lacks a tap, or the images do not belong to it.
    """
    known = stored_names(path, _OPTION)
    taps = list(spec.encoder.taps) if spec.encoder.kind == "backbone" else []
    if len(taps) > 1 or (taps and taps[0] in known):
        if missing := [tap for tap in taps if tap not in known]:
            holds = f"holds {', '.join(map(printable, known[:8]))}" if known else "holds no arrays by name"
            raise RequestError(
                f"{_OPTION} {printable(path)}: expected an array for each tap, '{missing[0]}' is missing; it {holds}"
            )
        tables = [_read(path, tap) for tap in taps]
    else:
        own = spec.encoder.embeddings.key if spec.encoder.embeddings is not None else None
        tables = [_read(path, own if own is not None and any(name.startswith(own) for name in known) else None)]
    if len({len(table.rows) for table in tables}) > 1:
        counts = ", ".join(f"{len(table.rows)} of {tap}" for tap, table in zip(taps, tables))
        raise RequestError(f"{_OPTION} {printable(path)}: taps have different numbers of rows: {counts}")
    return Codes(Path(path).expanduser(), tables, _file_names(tables[0]), _paired(tables[0], images))


def _read(path: str, key: str | None) -> Table:
    return read_table(path, key, _OPTION, _OPTION)


def _file_names(table: Table) -> list[str]:
    """Names for files, made of the rows' own, or of their numbers."""
    count = len(table.rows)
    if table.names is None:
        return [f"{row:06d}" for row in range(count)]
    paths = [_without_suffix(name.replace("\\", "/").strip("/")) for name in table.names]
    last = [path.rpartition("/")[2] for path in paths]
    # Folders count only where the last part is not enough.
    chosen = last if len(set(last)) == count else [path.replace("/", "_") for path in paths]
    return unique_names(_safe(name) or f"{row:06d}" for row, name in enumerate(chosen))


def _without_suffix(name: str) -> str:
    stem, _, suffix = name.rpartition(".")
    return stem if f".{suffix}".lower() in SUFFIXES else name


def _safe(name: str) -> str:
    return _ODD.sub("_", name).strip(". ").encode("utf-8", "ignore")[:_LONGEST_NAME].decode("utf-8", "ignore").strip()


def _paired(table: Table, images: Sequence[Path]) -> list[Path | None]:
    count = len(table.rows)
    files: list[Path | None] = [None] * count
    if not images:
        return files
    if table.names is None:
        if len(images) != count:
            raise RequestError(
                f"{_OPTION} {table.path}: holds {count:,} rows, and {len(images):,} images are given; give one for "
                "each row, in order, or a file with names"
            )
        return list(images)
    places = match_names(table.names, [str(path) for path in images], table.path, _OPTION)
    for path, place in zip(images, places.tolist()):
        if place < 0:
            raise RequestError(f"{_OPTION} {table.path}: no row has the name of {printable(path)}; leave it out")
        files[place] = path
    return files
