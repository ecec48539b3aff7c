"""CIFAR: every published layout gives the same images; pickles run nothing."""

import gzip
import os
import pickle
import shutil
import tarfile

import numpy as np
import pytest

from builders.archives import cifar_files
from builders.sources.cifar import Cifar
from builders.spec.data_types import Image
from common.errors import RequestError
from tests.builders.sources.cifar_files import COARSE, FINE, pickled, write_cifar
from tests.builders.sources.packing import read_damaged

KINDS = ("cifar-10-batches-py", "cifar-10-batches-bin", "cifar-100-python", "cifar-100-binary")


@pytest.fixture(autouse=True)
def _working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def assert_reads(source, pixels):
    read = [source.read(index, Image(), (32, 32)) for index in range(len(source))]
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("packing", ["folder", "above", "tar", "gztar"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_published_layout_is_read(tmp_path, kind, packing):
    pixels = write_cifar(tmp_path / "my data", kind)
    path = f"my data/{kind}" if packing == "folder" else "my data"
    if "tar" in packing:
        path = shutil.make_archive("cifar", packing, tmp_path / "my data")
        shutil.rmtree("my data")
    source = Cifar(path)
    assert_reads(source, pixels)
    batches = len(pixels) // 3
    assert source.labels().tolist() == [0, 1, 2] * batches and source.class_names == FINE
    assert source.part("train").tolist() == list(range(len(pixels) - 3)) and len(source.part("test")) == 3
    assert source.part_names() == ["train", "test"] and source.part("val") is None and source.size == (32, 32)
    training, test = ("data_batch_1", "test_batch") if "-10-" in kind else ("train", "test")
    named = not kind.endswith(("bin", "binary"))
    assert source.name_of(1) == (f"train 1 ({training}_1.png)" if named else "train 1")
    assert source.name_of(len(pixels) - 1) == (f"test 2 ({test}_2.png)" if named else "test 2")
    assert len(set(source.traces(np.arange(len(pixels))).tolist())) == len(pixels)
    if "100" in kind:
        coarse = Cifar(path, labels="coarse")
        assert coarse.labels().tolist() == [0, 1, 1] * batches and coarse.class_names == COARSE
    else:
        with pytest.raises(RequestError, match=r"^dataset\.source\.cifar\.labels: CIFAR-10 has no coarse classes"):
            Cifar(path, labels="coarse")


def test_python_and_binary_version_are_the_same_data(tmp_path):
    for ten, kinds in ((True, KINDS[:2]), (False, KINDS[2:])):
        for kind in kinds:
            write_cifar(tmp_path / str(ten), kind)
        first, second = (Cifar(f"{ten}/{kind}") for kind in kinds)
        assert first.fingerprint() == second.fingerprint()


@pytest.mark.parametrize("protocol", [4, 5])
def test_batches_saved_again_with_python_3_are_read(tmp_path, protocol):
    def dump(batch):
        return pickle.dumps({key.encode(): value for key, value in batch.items()}, protocol)

    pixels = write_cifar(tmp_path, "cifar-10-batches-py", dump=dump)
    assert_reads(Cifar("cifar-10-batches-py"), pixels)


def test_pickles_run_nothing(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch ran",)

    write_cifar(tmp_path, "cifar-100-python")
    for name in ("meta", "train"):
        original = (tmp_path / "cifar-100-python" / name).read_bytes()
        for content in (pickle.dumps(Evil(), 2), pickle.dumps({"data": Evil(), "fine_label_names": Evil()}, 2)):
            (tmp_path / "cifar-100-python" / name).write_bytes(content)
            with pytest.raises(RequestError, match=f"'cifar-100-python': '{name}' .*unpack the archive again"):
                Cifar("cifar-100-python")
        (tmp_path / "cifar-100-python" / name).write_bytes(original)
    assert not (tmp_path / "ran").exists() and len(Cifar("cifar-100-python")) == 6


def test_an_archive_is_unpacked_once_and_again_when_the_copy_is_cut(tmp_path, monkeypatch):
    pixels = write_cifar(tmp_path / "data", "cifar-10-batches-py")
    shutil.make_archive("a", "gztar", tmp_path / "data")
    assert_reads(Cifar("a.tar.gz"), pixels)
    [copy] = (tmp_path / ".cache/sources").glob("*.copy")
    os.truncate(copy, 5000)
    assert_reads(Cifar("a.tar.gz"), pixels)
    monkeypatch.setattr(cifar_files.gzip, "open", None)
    assert_reads(Cifar("a.tar.gz"), pixels)


def test_wrong_paths_and_files_get_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar_files, "_LARGEST_TAR", 1 << 20)
    for kind in KINDS[1:3]:
        write_cifar(tmp_path / "two", kind)
    write_cifar(tmp_path / "lacks", KINDS[0])
    (tmp_path / "lacks" / KINDS[0] / "data_batch_3").unlink()
    write_cifar(tmp_path / "cut", KINDS[1])
    os.truncate("cut/cifar-10-batches-bin/test_batch.bin", 5000)
    write_cifar(tmp_path / "labels", KINDS[0])
    rows = np.zeros((3, 3072), np.uint8)
    (tmp_path / "labels" / KINDS[0] / "test_batch").write_bytes(pickled({"data": rows, "labels": [0, 1]}))
    os.makedirs("none/train")
    with gzip.open("bomb.tar.gz", "wb") as file:
        file.write(b"\0" * (2 << 20))
    (tmp_path / "broken.tar.gz").write_bytes((tmp_path / "bomb.tar.gz").read_bytes()[:-20])
    (tmp_path / "text.tar.gz").write_text("no archive")
    with tarfile.open("other.tar.gz", "w:gz") as archive:
        archive.add("none")
    for path, line in {
        "gone": "no such file or folder: 'gone'",
        "two": "'two' holds several data sets, name one of: cifar-100-python, cifar-10-batches-bin",
        "lacks": "'lacks' lacks data_batch_3 of CIFAR-10; unpack the archive again",
        "cut": "'test_batch.bin' has 5,000 bytes, expected records of 3,073",
        "labels": "'test_batch' has no class for each of its 3 images under 'labels'",
        "none": "holds no files of CIFAR such as data_batch_1",
        "bomb.tar.gz": "unpacks to more than 1 MB, and is no CIFAR",
        "broken.tar.gz": "it is damaged",
        "text.tar.gz": "it is cut short|it is no tar",
        "other.tar.gz": "holds no files of CIFAR",
    }.items():
        with pytest.raises(RequestError, match=f"^dataset.source.cifar.path: .*({line})"):
            Cifar(path)


@pytest.mark.parametrize(
    "kind, name", [("cifar-100-python", "test"), ("cifar-100-binary", "test.bin"), ("a.tar.gz", "")]
)
def test_damaged_files_are_refused_or_read(tmp_path, kind, name):
    write_cifar(tmp_path, "cifar-100-python" if not name else kind)
    if name:
        original = tmp_path / kind / f"original {name}"
        shutil.copy(tmp_path / kind / name, original)
        outcomes = read_damaged(original, tmp_path / kind / name, lambda _: Cifar(kind))
    else:
        original = tmp_path / os.path.basename(shutil.make_archive("a", "gztar", tmp_path, "cifar-100-python"))
        outcomes = read_damaged(original, tmp_path / "b.tar.gz", lambda path: Cifar(str(path)))
    assert outcomes["refused"] > 20 and not outcomes["bad images"], outcomes
