"""How fast the sources read: 100,000 small photographs in each layout, made by the libraries that publish in it.

    python benchmarks/sources.py --folder /tmp/sources [--images 100000] [--rounds 7]

Prints for each source the seconds to open it for the first time and afterwards, the memory that it takes with 1,000
and with all images, and its speed at random reads and in batches as a share of the source `folder`'s. Sources take
turns, so that another load on the machine affects all alike.
"""

import argparse
import io
import json
import os
import pathlib
import pickle
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
import zipfile
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np
import psutil
from PIL import Image as Pillow

SIZE = 32
FEW = 1000
CLASSES = 10
READS = 2000
BATCHES = 40
AHEAD = 6  # batches that tf.data has prepared while other sources had their turn


def sources(root: pathlib.Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Row of the table → source and arguments."""
    return {
        "folder": ("folder", {"path": str(root / "folder")}),
        "zip stored": ("zip", {"path": str(root / "stored.zip")}),
        "zip deflated": ("zip", {"path": str(root / "deflated.zip")}),
        "tar": ("tar", {"path": str(root / "photos.tar")}),
        "webdataset": ("webdataset", {"path": str(root / "webdataset")}),
        "parquet (datasets)": ("parquet", {"path": str(root / "parquet")}),
        "parquet (snappy)": ("parquet", {"path": str(root / "snappy")}),
        "cifar pickles": ("cifar", {"path": str(root / "cifar-10-batches-py")}),
    }


def make(root: pathlib.Path, count: int) -> None:
    """Writes every layout below `root`, where it is missing."""
    if (root / "made").exists():
        return
    shutil.rmtree(root, ignore_errors=True)
    generator = np.random.default_rng(0)
    names, contents = [], []
    for number in range(count):
        rough = Pillow.fromarray(generator.integers(0, 256, (6, 6, 3), np.uint8)).resize((SIZE, SIZE), Pillow.BICUBIC)
        noise = generator.integers(0, 16, (SIZE, SIZE, 3))
        encoded = io.BytesIO()
        Pillow.fromarray(np.clip(np.asarray(rough) + noise, 0, 255).astype(np.uint8)).save(encoded, "JPEG", quality=90)
        names.append(f"{'train' if number % 10 else 'test'}/{number % CLASSES}/{number:06d}.jpg")
        contents.append(encoded.getvalue())
    for name, content in zip(names, contents):
        path = root / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for kind, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(root / f"{kind}.zip", "w", method) as archive:
            for name, content in zip(names, contents):
                archive.writestr(name, content)
    with tarfile.open(root / "photos.tar", "w") as archive:
        archive.add(root / "folder", ".")
    parts = {part: [n for n, name in enumerate(names) if name.startswith(part)] for part in ("train", "test")}
    make_webdataset(root / "webdataset", contents, parts)
    make_parquet(root, contents, parts)
    make_cifar(root / "cifar-10-batches-py", count, generator)
    (root / "made").touch()


def make_webdataset(folder: pathlib.Path, contents: list[bytes], parts: dict[str, list[int]]) -> None:
    """Shards of 10,000 samples."""
    import webdataset

    folder.mkdir()
    for part, numbers in parts.items():
        with webdataset.ShardWriter(str(folder / f"{part}-%06d.tar"), maxcount=10_000, verbose=0) as writer:
            for number in numbers:
                writer.write({"__key__": f"{number:06d}", "jpg": contents[number], "cls": number % CLASSES})


def make_parquet(root: pathlib.Path, contents: list[bytes], parts: dict[str, list[int]]) -> None:
    """Files as datasets writes them now, and compressed with row groups of 100, as older versions did."""
    import datasets
    import pyarrow.parquet

    datasets.disable_progress_bars()
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=[f"class {n}" for n in range(CLASSES)])}
    )
    for kind in ("parquet", "snappy"):
        (root / kind / "data").mkdir(parents=True)
    for part, numbers in parts.items():
        rows = {
            "image": [{"bytes": contents[number], "path": f"{number:06d}.jpg"} for number in numbers],
            "label": [number % CLASSES for number in numbers],
        }
        data = datasets.Dataset.from_dict(rows, features=features)
        shards = 4 if part == "train" else 1
        for shard in range(shards):
            name = f"data/{part}-{shard:05d}-of-{shards:05d}.parquet"
            data.shard(shards, shard, contiguous=True).to_parquet(str(root / "parquet" / name))
            table = pyarrow.parquet.read_table(root / "parquet" / name)
            pyarrow.parquet.write_table(table, root / "snappy" / name, row_group_size=100)


def make_cifar(folder: pathlib.Path, count: int, generator: np.random.Generator) -> None:
    """Six batches."""
    folder.mkdir()
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        rows = generator.integers(0, 256, (count // 6, 3072), np.uint8)
        batch = {"data": rows, "labels": [n % CLASSES for n in range(len(rows))]}
        (folder / name).write_bytes(pickle.dumps(batch, 4))
    meta = {"label_names": [f"class {number}" for number in range(CLASSES)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, 4))


def opened(name: str, arguments: dict[str, Any]) -> Any:
    """A source that is ready to be read."""
    from builders.sources import open_source
    from builders.spec.values import Choice

    source = open_source(Choice(name, arguments))
    source.prepare()
    source.labels()
    return source


def measure_opening(name: str, arguments: dict[str, Any]) -> None:
    """Prints as JSON the seconds to open a source and the memory that it then takes, in megabytes, after some reads."""
    from builders.spec.data_types import Image

    process = psutil.Process()
    opened("digits", {})  # what all sources import
    before, began = process.memory_info().rss, time.perf_counter()
    source = opened(name, arguments)
    seconds = time.perf_counter() - began
    for index in np.random.default_rng(0).permutation(len(source))[:READS].tolist():
        source.read(index, Image(size=SIZE), (SIZE, SIZE))
    print(json.dumps({"seconds": seconds, "megabytes": (process.memory_info().rss - before) / 1e6}))


def in_own_process(root: pathlib.Path, row: str) -> dict[str, float]:
    """`measure_opening` of a row, in a new process whose cache is below `root`."""
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), "--folder", str(root), "--opening", row],
        cwd=root,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def reading_rates(rows: dict[str, tuple[str, dict[str, Any]]], rounds: int) -> dict[str, list[float]]:
    """Images a second at random single reads, a value for each round."""
    from builders.spec.data_types import Image

    generator = np.random.default_rng(1)
    ready = {row: opened(*choice) for row, choice in rows.items()}
    rates: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(rounds):
        for row, source in ready.items():
            indices = generator.integers(0, len(source), READS).tolist()
            began = time.perf_counter()
            for index in indices:
                source.read(index, Image(size=SIZE), (SIZE, SIZE))
            rates[row].append(READS / (time.perf_counter() - began))
    return rates


def batch_rates(rows: dict[str, tuple[str, dict[str, Any]]], rounds: int) -> dict[str, list[float]]:
    """Images a second in shuffled batches of 64 of images that are not kept in memory."""
    from builders.dataset_builder import Splits
    from builders.image_data import open_data
    from builders.image_store import thread_count
    from builders.spec import load_spec

    iterators = {}
    for row, (name, arguments) in rows.items():
        content = {
            "dataset": {"source": {name: arguments}, "image": {"size": SIZE}, "batch_size": 64},
            "encoder": {"latents": {"dimensions": 4}},
            "decoder": {"layers": [{"Dense": {"units": 4}}]},
            "loss": {"mse": 1},
        }
        pathlib.Path("spec.json").write_text(json.dumps(content))
        spec = load_spec("spec.json").spec
        splits = Splits(open_data(spec, ["train"], 0, thread_count()), spec)
        iterators[row] = iter(splits["train"].epoch(0))
    rates: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(rounds):
        for row, batches in iterators.items():
            for _ in range(AHEAD):
                next(batches)
            began = time.perf_counter()
            count = sum(len(next(batches)["image"]) for _ in range(BATCHES))
            rates[row].append(count / (time.perf_counter() - began))
    return rates


def share(rates: dict[str, list[float]], row: str) -> float:
    """Median over rounds of a row's speed divided by that of the folder."""
    return statistics.median(own / folder for own, folder in zip(rates[row], rates["folder"]))


def main() -> None:
    """Makes what is missing, measures, prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--opening")
    given = parser.parse_args()
    root = given.folder.resolve()
    if given.opening:
        measure_opening(*sources(root)[given.opening])
        return
    few, many = root / str(FEW), root / str(given.images)
    make(few, FEW)
    make(many, given.images)
    openings = {}
    for row in sources(many):
        for folder in (few, many):
            shutil.rmtree(folder / ".cache", ignore_errors=True)
        openings[row] = [in_own_process(folder, row) for folder in (few, many, many)]
    os.chdir(many)
    reads = reading_rates(sources(many), given.rounds)
    batches = batch_rates(sources(many), given.rounds)
    columns = ["source", "first open, s", "again, s", f"MB with {FEW:,}", f"MB with {given.images:,}"]
    columns += ["reads/s", "of folder", "images/s in batches", "of folder"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for row, (little, first, again) in openings.items():
        print(
            f"| {row} | {first['seconds']:.2f} | {again['seconds']:.2f} | {little['megabytes']:.0f} "
            f"| {first['megabytes']:.0f} | {statistics.median(reads[row]):,.0f} | {share(reads, row):.2f} "
            f"| {statistics.median(batches[row]):,.0f} | {share(batches, row):.2f} |"
        )


if __name__ == "__main__":
    main()
