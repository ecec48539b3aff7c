"""The files that `features` writes: arrays (.npz, .npy) and tables (.parquet, .csv), a row for each image."""

import csv
import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from common.files import atomic_file
from workflows.outputs import own_file

_AT_ONCE = 1 << 23
_NAMES = "names"


def write_features(target: Path, arrays: Mapping[str, Path], names: Sequence[str], named: bool) -> None:
    """Writes features, a block at a time.

    Args:
        target: The file, whose suffix names its format.
        arrays: Tap → a .npy file, float32 [images, …].
        names: The name of each image.
        named: Whether a .npz file has the array `names`; tables always have the column `name`.
    """
    if target.suffix == ".npz":
        with own_file(target, "features") as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for tap, path in arrays.items():
                archive.write(path, f"{tap}.npy")
            if named and _NAMES not in arrays:
                with archive.open(f"{_NAMES}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.array(names, np.str_))
        return
    with atomic_file(target) as temporary:
        if target.suffix == ".npy":
            [path] = arrays.values()
            path.replace(temporary)
        else:
            loaded = {tap: np.load(path, mmap_mode="r") for tap, path in arrays.items()}
            write: Callable = _write_csv if target.suffix == ".csv" else _write_parquet
            write(temporary, loaded, names)


def _blocks(arrays: Mapping[str, np.ndarray]) -> Iterator[slice]:
    """Rows in blocks of some megabytes."""
    count = len(next(iter(arrays.values())))
    width = sum(math.prod(array.shape[1:]) for array in arrays.values()) * 4
    step = max(1, _AT_ONCE // width)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _write_csv(path: Path, arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> None:
    [array] = arrays.values()
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["name", *(f"f{number}" for number in range(array.shape[1]))])
        for block in _blocks(arrays):
            # Nine digits distinguish all numbers of 32 bits.
            rows = ([f"{value:.9g}" for value in row] for row in array[block].tolist())
            table.writerows([name, *row] for name, row in zip(names[block], rows))


def _write_parquet(path: Path, arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> None:
    import pyarrow
    import pyarrow.parquet

    widths = {tap: math.prod(array.shape[1:]) for tap, array in arrays.items()}
    fields = [pyarrow.field("name", pyarrow.string())]
    for tap, array in arrays.items():
        # Lists of one size are flat; readers of embeddings find the shape of maps here.
        shape = {"shape": json.dumps(array.shape[1:])}
        fields.append(pyarrow.field(tap, pyarrow.list_(pyarrow.float32(), widths[tap]), metadata=shape))
    schema = pyarrow.schema(fields)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for block in _blocks(arrays):
            shown = [name.encode("utf-8", "backslashreplace").decode() for name in names[block]]
            columns = [pyarrow.array(shown, pyarrow.string())]
            for tap, array in arrays.items():
                flat = pyarrow.array(np.ascontiguousarray(array[block]).reshape(-1))
                columns.append(pyarrow.FixedSizeListArray.from_arrays(flat, widths[tap]))
            writer.write_table(pyarrow.table(columns, schema=schema))
