"""Parquet files: images, labels and splits are those that Hugging Face's library wrote; in place, or copied once."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.archives import parquet_index
from builders.pixel_values import BadImageError
from builders.sources.parquet import Parquet
from common.errors import RequestError
from tests.builders.sources.packing import FITTED, folder_of_images, read_damaged

ROOT = Path(__file__).resolve().parents[3]
# Lends a copy of itself to each request, a working directory and two ends of pipes; answers with status and peak in KB.
_READERS = """
import json, os, signal, socket, struct
import pyarrow.parquet
from builders.archives import parquet_reader
calls = socket.socket(fileno=0)
while (call := socket.recv_fds(calls, 4096, 2))[0]:
    folder, (stdin, stdout) = call[:2]
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os.chdir(folder)
        try:
            parquet_reader.respond(json.load(os.fdopen(stdin, "rb")), os.fdopen(stdout, "wb"))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(stdin)
    os.close(stdout)
    _, status, used = os.wait4(child, 0)
    calls.send(struct.pack("ll", os.waitstatus_to_exitcode(status), used.ru_maxrss))
"""


@pytest.fixture(scope="module")
def readers():
    """Another process, from which readers are forked: starting 300 interpreters would take minutes."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen([sys.executable, "-c", _READERS], stdin=theirs, cwd=ROOT)
    with process, ours:
        yield ours
        ours.shutdown(socket.SHUT_RDWR)


class Forked:
    """Stands for the `Popen` of one reader."""

    def __init__(self, readers):
        request, self._request = os.pipe()
        self._answer, answer = os.pipe()
        self._readers = readers
        socket.send_fds(readers, [os.getcwd().encode()], [request, answer])
        os.close(request)
        os.close(answer)
        self.stdin, self.stdout = os.fdopen(self._request, "wb"), os.fdopen(self._answer, "rb")
        self.returncode = None

    def kill(self):
        """Waits instead, to learn how the child ended."""
        self.returncode, kilobytes = struct.unpack("ll", self._readers.recv(16))
        assert self.returncode != -signal.SIGALRM and kilobytes < 1 << 20

    def wait(self):
        """Has been done."""


@pytest.fixture(autouse=True)
def _working_directory(tmp_path, monkeypatch, request, readers):
    monkeypatch.chdir(tmp_path)
    if "own_process" not in request.fixturenames:
        monkeypatch.setattr(parquet_index.subprocess, "Popen", lambda *_, **__: Forked(readers))


@pytest.fixture
def own_process():
    """A test that starts the reader as users do."""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Encoded images of different sizes."""
    root = folder_of_images(tmp_path_factory.mktemp("images"), [f"{number}.png" for number in range(12)])
    return [(root / f"{number}.png").read_bytes() + b"\0" * number for number in range(12)]


def table(images, **columns):
    """A table with the column `image` as Hugging Face has it, and others."""
    rows = [{"bytes": content, "path": f"{number}.png"} for number, content in enumerate(images)]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return pa.table({"image": pa.array(rows, kind), **columns})


def assert_reads(source, images):
    assert [bytes(source.file(index)) for index in range(len(source))] == list(images)


def test_what_datasets_writes_is_read_in_place(tmp_path, images, monkeypatch, own_process):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    from datasets import ClassLabel, Dataset, Features, Image

    os.makedirs("my set/data")
    features = Features({"image": Image(), "label": ClassLabel(names=["cat", "dog"])})
    for part, first, last in (("train", 0, 8), ("validation", 8, 12)):
        rows = {
            "image": [{"bytes": content, "path": f"{part}{number}.png"} for number, content in enumerate(images)],
            "label": [number % 2 for number in range(12)],
        }
        data = Dataset.from_dict({key: values[first:last] for key, values in rows.items()}, features=features)
        for shard in range(2):
            name = f"my set/data/{part}-{shard:05d}-of-00002.parquet"
            data.shard(2, shard, contiguous=True).to_parquet(name, batch_size=3)
    source = Parquet("my set")
    assert_reads(source, images)
    assert source.labels().tolist() == [0, 1] * 6 and source.class_names == ("cat", "dog") and not source.remarks
    assert source.own_splits == {"train": "train", "validation": "validation"}
    assert source.part("validation").tolist() == [8, 9, 10, 11]
    assert source.file_names()[8] == "validation8.png"
    assert source.name_of(9) == "data/validation-00000-of-00002.parquet row 1 (validation9.png)"
    assert [path.suffix for path in (tmp_path / ".cache/sources").iterdir()] == [".index"]
    monkeypatch.setattr(parquet_index, "_read", None)  # the index is there, and PyArrow is no longer needed
    shutil.copytree("my set", "elsewhere", copy_function=shutil.copy2)
    assert Parquet("elsewhere").fingerprint() == source.fingerprint()


@pytest.mark.parametrize(
    "options, copied",
    [
        ({"compression": "none", "use_dictionary": False}, False),
        ({"compression": "none", "use_dictionary": False, "row_group_size": 5}, False),
        ({"compression": "none", "use_dictionary": False, "data_page_version": "2.0", "data_page_size": 900}, False),
        ({"compression": "none", "use_dictionary": False, "write_page_checksum": True}, False),
        ({"compression": "none"}, True),
        ({"compression": "snappy", "row_group_size": 5}, True),
        ({"compression": "zstd", "data_page_version": "2.0", "use_dictionary": False}, True),
        (
            {"compression": "gzip", "column_encoding": {"image.bytes": "DELTA_BYTE_ARRAY"}, "use_dictionary": False},
            True,
        ),
    ],
)
def test_every_layout_gives_the_same_images(images, options, copied):
    pq.write_table(table(images, label=["b", "a"] * 6), "a.parquet", **options)
    source = Parquet("a.parquet")
    assert_reads(source, images)
    assert source.class_names == ("a", "b") and source.labels().tolist() == [1, 0] * 6
    assert any("copied once into .cache/sources" in remark for remark in source.remarks) == copied
    reference = Parquet("a.parquet", image_column="image")
    assert reference.fingerprint() == source.fingerprint()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_of_bytes_is_found_by_its_first_value(images, kind):
    columns = {"id": pa.array([b"x"] * 12), "photo": pa.array([None, *images[1:]], kind), "label": [1.0] * 11 + [None]}
    pq.write_table(pa.table(columns), "a.parquet")
    source = Parquet("a.parquet")
    assert [source.file(index) for index in range(1, 12)] == images[1:] and source.file_names() is None
    assert source.labels().tolist() == [1] * 11 + [-1] and source.name_of(3) == "a.parquet row 3"
    with pytest.raises(BadImageError, match="the row has no image"):
        source.file(0)


def test_paths_lead_to_files_below_the_folder_alone(tmp_path, images):
    folder_of_images(tmp_path / "set", ["photos/1.png"])
    folder_of_images(tmp_path, ["secret.png"])
    os.symlink("../secret.png", "set/link.png")
    rows = [None, "photos/1.png", "../secret.png", str(tmp_path / "secret.png"), "link.png", "photos/gone.png", "."]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    column = [None, *({"bytes": None, "path": path} for path in rows[1:])]
    pq.write_table(pa.table({"image": pa.array(column, kind)}), "set/a.parquet")
    source = Parquet("set")
    assert source.read(1, FITTED, (8, 8)).shape == (8, 8, 3)
    lines = ["the row has no image", None, *["leads out of the folder"] * 3, "No such file", "leads out"]
    for index, line in enumerate(lines):
        if line:
            with pytest.raises(BadImageError, match=line):
                source.read(index, FITTED, (8, 8))


def test_columns_are_chosen_by_their_features_or_by_hand(images):
    features = {
        "image": {"_type": "Image"},
        **{name: {"_type": "ClassLabel", "names": ["x", "y"]} for name in ("fine", "coarse")},
    }
    data = table(images, fine=[0, 1] * 6, coarse=[1] * 12, mask=pa.array([{"bytes": images[0], "path": None}] * 12))
    data = data.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(data, "a.parquet")
    usual, chosen = Parquet("a.parquet"), Parquet("a.parquet", image_column="mask", label_column="fine")
    assert usual.labels().tolist() == [-1] * 12 and "set label_column to one of: fine, coarse" in usual.remarks[0]
    assert chosen.labels().tolist() == [0, 1] * 6 and chosen.class_names == ("x", "y")
    assert chosen.file(5) == images[0]


@pytest.mark.parametrize(
    "column, given, line",
    [
        ("image", {"image_column": "imge"}, r"image_column: no column 'imge'; did you mean 'image'\?"),
        ("image", {"image_column": "label"}, r"image_column: column 'label' holds int64, expected encoded images"),
        ("image", {"label_column": "lable"}, r"label_column: column 'lable' is not there; did you mean 'label'\?"),
        ("image", {"label_column": "image"}, r"label_column: column 'image' holds no numbers or words"),
        (
            "pixels",
            {},
            r"path: 'a\.parquet' has no column of encoded images; its columns are pixels \(list<.*>\), label",
        ),
        ("two", {}, r"image_column: there are several columns of images, name one of: left, right"),
    ],
)
def test_wrong_columns_get_a_line(images, column, given, line):
    image = table(images).column("image")
    columns = {
        "image": {"image": image},
        "pixels": {"pixels": pa.array([[1, 2]] * 12)},
        "two": {"left": image, "right": image},
    }[column]
    pq.write_table(pa.table({**columns, "label": pa.array([0] * 12)}), "a.parquet")
    with pytest.raises(RequestError, match=rf"^dataset\.source\.parquet\.{line}"):
        Parquet("a.parquet", **given)


def test_labels_beyond_the_class_names_get_a_line(images):
    features = {"label": {"_type": "ClassLabel", "names": ["x"]}}
    data = table(images, label=[0, 1] * 6)
    pq.write_table(
        data.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), "a.parquet"
    )
    with pytest.raises(RequestError, match="there are 1 names, and labels up to 1"):
        Parquet("a.parquet")


def test_a_copy_is_made_once_and_again_when_it_was_cut(tmp_path, images, monkeypatch, own_process):
    pq.write_table(table(images), "a.parquet")
    done = []
    source = Parquet("a.parquet")
    source.prepare(lambda *progress: done.append(progress))
    assert done[-1] == (12, 12)
    [copy] = (tmp_path / ".cache/sources").glob("*.copy")
    [index] = (tmp_path / ".cache/sources").glob("parquet-images*.index")
    for damage in (lambda: os.truncate(copy, 9), copy.unlink, lambda: index.write_bytes(index.read_bytes()[:-1])):
        damage()
        assert_reads(Parquet("a.parquet"), images)
    monkeypatch.setattr(parquet_index, "_read", None)
    assert_reads(Parquet("a.parquet"), images)
    assert not [path for path in (tmp_path / ".cache/sources").iterdir() if path.name.startswith(".")]


def test_what_lacks_room_or_a_package_gets_a_line(images, monkeypatch):
    pq.write_table(table(images), "a.parquet")
    source = Parquet("a.parquet")
    monkeypatch.setattr(parquet_index, "half_free_disk", lambda: 50)
    with pytest.raises(
        RequestError, match=r"it takes 0\.0 GB in \.cache/sources, where half of the free disk is 0\.0 GB"
    ):
        source.prepare()
    os.utime("a.parquet", (1, 1))
    monkeypatch.setattr(parquet_index.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"^dataset.source.parquet.path: needs PyArrow: .*pip install .*parquet"):
        Parquet("a.parquet")


def test_wrong_paths_and_files_get_a_line(tmp_path, images):
    pq.write_table(table(images), "good.parquet")
    pq.write_table(table([]), "empty.parquet")
    (tmp_path / "text.parquet").write_text("no parquet at all")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "good.parquet").read_bytes()[:-9])
    os.makedirs("mixed")
    pq.write_table(table(images), "mixed/0.parquet")
    pq.write_table(pa.table({"photo": images}), "mixed/1.parquet")
    os.makedirs("none")
    for path, line in {
        "gone": "no such file or folder: 'gone'",
        "none": r"holds no \.parquet file",
        "empty.parquet": "'empty.parquet' holds no row",
        "text.parquet": "cannot read 'text.parquet': .*; copy it again",
        "cut.parquet": "cannot read 'cut.parquet': .*; copy it again",
        "mixed": "'mixed/1.parquet' has no column 'image', which the first file has",
    }.items():
        with pytest.raises(RequestError, match=f"^dataset.source.parquet.path: .*{line}") as caught:
            Parquet(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [60, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("compression", ["none", "snappy"])
def test_damaged_files_are_refused_or_have_bad_images(tmp_path, images, compression, count):
    small = [content[:300] for content in images]
    options = {"compression": compression, "use_dictionary": compression != "none", "row_group_size": 6}
    pq.write_table(table(small, label=[0, 1] * 6), "a.parquet", **options)
    outcomes = read_damaged(tmp_path / "a.parquet", tmp_path / "mutant.parquet", lambda path: Parquet(str(path)), count)
    assert outcomes["refused"] > 5 and outcomes["bad images"] > 5, outcomes
