"""Files of embeddings as other programs write them, and 300 damaged ones of each kind."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.embedding_files import read_table
from common.errors import RequestError

NAMES = [f"cat/{number}.png" for number in range(60)]
ROWS = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)


def read(path, key=None):
    return read_table(str(path), key, "WHERE", "KEY")


def write_csv(path, header=True, names=True):
    lines = [",".join([*(["name"] if names else []), *(f"f{number}" for number in range(8))])] if header else []
    for name, row in zip(NAMES, ROWS):
        lines.append(",".join([*([name] if names else []), *map(repr, row.tolist())]))
    path.write_text("\n".join(lines) + "\n")


def write_parquet(path, /, **columns):
    pq.write_table(pa.table(columns), path)


def fixed(rows):
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])


WRITERS = {
    "a.npy": lambda path: np.save(path, ROWS),
    "a.npz": lambda path: np.savez(path, vectors=ROWS, labels=np.zeros(60), names=np.array(NAMES)),
    "packed.npz": lambda path: np.savez_compressed(path, vectors=ROWS, files=np.array(NAMES).astype("S")),
    "list.parquet": lambda path: write_parquet(path, file=NAMES, emb=ROWS.tolist(), label=[0] * 60),
    "fixed.parquet": lambda path: write_parquet(path, emb=fixed(ROWS), path=NAMES),
    "columns.parquet": lambda path: write_parquet(
        path, id=NAMES, label=[0] * 60, **{f"e{number}": ROWS[:, number] for number in range(8)}
    ),
    "a.csv": write_csv,
    "headless.csv": lambda path: write_csv(path, header=False),
    "nameless.csv": lambda path: write_csv(path, header=False, names=False),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows_and_names(tmp_path, name):
    WRITERS[name](tmp_path / name)
    table = read(tmp_path / name)
    np.testing.assert_array_equal(table.numbers(np.arange(60)), ROWS)
    assert table.names is None if name in ("a.npy", "nameless.csv") else list(table.names) == NAMES


def test_arrays_in_npy_files_are_mapped(tmp_path):
    np.save(tmp_path / "a.npy", ROWS.astype(np.float16))
    assert isinstance(read(tmp_path / "a.npy").rows, np.memmap)


def test_maps_and_tokens(tmp_path):
    tokens, maps = ROWS.reshape(15, 4, 8), ROWS.reshape(5, 3, 4, 8)
    write_parquet(tmp_path / "t.parquet", tokens=tokens.tolist())
    assert np.array_equal(read(tmp_path / "t.parquet").rows, tokens)
    kind = pa.fixed_shape_tensor(pa.float32(), (3, 4, 8))
    write_parquet(tmp_path / "m.parquet", m=pa.ExtensionArray.from_storage(kind, fixed(maps.reshape(5, -1))))
    assert np.array_equal(read(tmp_path / "m.parquet").rows, maps)


def test_keys_choose_arrays_and_columns(tmp_path):
    np.savez(tmp_path / "two.npz", a=ROWS, b=-ROWS)
    assert np.array_equal(read(tmp_path / "two.npz", "b").rows, -ROWS)
    columns = {f"{letter}_{number}": ROWS[:, number] for letter in "pq" for number in range(3)}
    write_parquet(tmp_path / "two.parquet", **columns)
    assert read(tmp_path / "two.parquet", "q").rows.shape == (60, 3)
    assert read(tmp_path / "two.parquet").rows.shape == (60, 6)


def uneven(path):
    rows = ROWS.tolist()
    rows[17], rows[40] = rows[17][:5], None
    write_parquet(path, name=NAMES, emb=rows)


def objects(path):
    np.savez(path, emb=ROWS, names=np.array([*NAMES[:-1], None], object))


WRONG = {
    "uneven.parquet": (
        uneven,
        r"2 of 60 rows have not 8 numbers as the others: 'cat/17.png' \(5\), 'cat/40.png' \(0\)",
    ),
    "uneven.csv": (lambda path: path.write_text("n,a,b\nx,1,2\ny,1\nz,1,2\n"), r"1 of 3 rows .* 'y' \(2\)"),
    "several.npz": (lambda path: np.savez(path, a=ROWS, b=ROWS), "KEY: .* holds several arrays, name one of: a, b"),
    "flat.npy": (lambda path: np.save(path, ROWS[0]), r"expected vectors \[images, d\].* got 8 in"),
    "empty.npy": (lambda path: np.save(path, ROWS[:0]), "got 0×8"),
    "words.csv": (lambda path: path.write_text("a,b\nx,y\n"), "KEY: .* has no column of numbers"),
    "objects.npz": (objects, "it holds Python objects, which may be code"),
    "code.npy": (lambda path: np.save(path, np.array([{}], object)), "it holds Python objects, which may be code"),
    "nothing.csv": (lambda path: path.write_text(""), "it holds no rows"),
    "pipe.csv": (lambda path: os.mkfifo(path), "is no regular file"),
    "folder.npy": (lambda path: path.mkdir(), "is a folder"),
    "missing.parquet": (lambda path: None, "no such file"),
    "a.pkl": (lambda path: path.write_bytes(b"x"), "expected a file that ends in one of .npy, .npz, .parquet"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line(tmp_path, name):
    write, line = WRONG[name]
    write(tmp_path / name)
    with pytest.raises(RequestError, match=line) as raised:
        read(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_large_tables_are_refused_before_they_are_read(tmp_path, monkeypatch):
    WRITERS["a.csv"](tmp_path / "a.csv")
    WRITERS["list.parquet"](tmp_path / "a.parquet")
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "1kB")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(RequestError, match=r"RETRACE_MEMORY_BUDGET allows .* save it as \.npy"):
            read(tmp_path / name)


def test_a_missing_package_is_named(tmp_path):
    WRITERS["list.parquet"](tmp_path / "a.parquet")
    code = (
        "import importlib.util as u, sys; found = u.find_spec\n"
        "import builders.embedding_files as e; e.find_spec = lambda name: None\n"
        f"e.read_table({str(tmp_path / 'a.parquet')!r}, None, 'W', 'K')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert "W: a .parquet file needs pyarrow: " in done.stderr and "[parquet]" in done.stderr


def mutant(data, seed):
    """A copy with bits flipped, cut short, or with bytes zeroed, set or doubled."""
    generator, data = random.Random(seed), bytearray(data)
    place, length = generator.randrange(len(data)), generator.randrange(1, 60)
    match seed % 5:
        case 0:
            for _ in range(generator.choice([1, 2, 20])):
                data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        case 1:
            del data[place:]
        case 2:
            data[place : place + length] = bytes(length)
        case 3:
            data[place : place + length] = b"\xff" * length
        case 4:
            data[place:place] = data[-length:]
    return bytes(data)


@pytest.mark.parametrize(
    "name", ["a.npy", "packed.npz", "a.npz", "fixed.parquet", "list.parquet", "columns.parquet", "a.csv"]
)
def test_300_mutants_end_in_rows_or_in_a_line(tmp_path, monkeypatch, name):
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "100MB")
    WRITERS[name](tmp_path / name)
    whole, path = (tmp_path / name).read_bytes(), tmp_path / f"mutant{Path(name).suffix}"
    refused = 0
    for seed in range(300):
        path.write_bytes(mutant(whole, seed))
        try:
            table = read(path)
            assert table.numbers(np.arange(len(table.rows))).dtype == np.float32
        except RequestError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 800
    assert 60 <= refused <= 300
