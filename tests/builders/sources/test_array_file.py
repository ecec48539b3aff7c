"""Array files of any damage: right values, or one line that names the file; and nothing is allocated on a claim."""

import gzip
import io
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from builders.sources.array_file import read_array
from common.errors import RequestError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 7), np.uint8)
WHERE = "dataset.source.arrays.images"


def npy(array, order="C"):
    file = io.BytesIO()
    np.save(file, np.asarray(array, order=order))
    return file.getvalue()


def npz(compressed=True, **arrays):
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def idx(array, kind=8):
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def promised(shape, kind="|u1", more=b""):
    """A .npy file whose header promises a shape."""
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + more


FILES = {
    "a.npy": npy(PIXELS),
    "columns.npy": npy(PIXELS, "F"),
    "stored.npz": npz(False, x=PIXELS),
    "deflated.npz": npz(True, x=PIXELS),
    "a-idx3-ubyte": idx(PIXELS),
    "a-idx3-ubyte.gz": gzip.compress(idx(PIXELS)),
}


@pytest.mark.parametrize("name", FILES)
def test_mutants_give_the_values_or_a_line(tmp_path, name):
    random = np.random.default_rng(len(name))
    whole, path = FILES[name], tmp_path / name
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_array(str(path), None, WHERE), PIXELS)
    lines = 0
    for number in range(300):
        content = bytearray(whole)
        if number % 3 == 0:
            del content[int(random.integers(len(content))) :]
        else:
            for _ in range(1 + number % 3):
                content[random.integers(len(content))] = random.integers(256)
        path.write_bytes(bytes(content))
        try:
            found = read_array(str(path), None, WHERE)
            assert found.nbytes <= 10 * PIXELS.nbytes
        except RequestError as error:
            lines += 1
            assert str(path) in str(error) and "\n" not in str(error) and str(error).startswith(WHERE)
    assert lines > 60


@pytest.mark.parametrize("name", ["deflated.npz", "stored.npz", "a-idx3-ubyte.gz"])
def test_a_flipped_bit_of_a_value_is_found_where_a_checksum_can_find_it(tmp_path, name):
    content = bytearray(FILES[name])
    content[len(content) // 2] ^= 4
    (tmp_path / name).write_bytes(bytes(content))
    with pytest.raises(RequestError, match=f"{WHERE}: cannot read '.*{name}': "):
        read_array(str(tmp_path / name), None, WHERE)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.npy", promised((-1, 28, 28), more=b"x" * 784), "a shape with negative sides, -1×28×28"),
        (
            "a.npy",
            promised((10**12, 28, 28), more=b"x" * 784),
            "promises 1000000000000×28×28 values of 1 bytes, at most 784",
        ),
        ("a.npy", promised((1 << 62, 1 << 62)), "bytes follow"),
        ("a.npy", promised((2, 2), "|O"), "Python objects"),
        ("a.npy", promised((2, 2), "<c16", b"x" * 64), "expected numbers or words"),
        ("a.npy", promised(("a",)), "its header is damaged"),
        ("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{", "its header is damaged (too long)"),
        ("a.idx", struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 9), "bytes follow"),
        ("a.gz", gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 28, 28)), "values of 1 bytes, at most "),
        ("a.gz", gzip.compress(idx(PIXELS) + b"more"), "more bytes follow"),
        ("a.gz", gzip.compress(idx(PIXELS)) + b"rubbish", "cannot read"),
    ],
    ids=range(11),
)
def test_what_a_header_claims_is_compared_with_the_file(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(RequestError) as error:
            read_array(str(tmp_path / name), None, WHERE)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()
    assert message in str(error.value) and name in str(error.value) and "\n" not in str(error.value)


def zipped(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    "content, message",
    [
        (zipped({"a.jpg": b"x", "b.jpg": b"y"}), "is a zip, but no .npz file: it holds 'a.jpg' and no .npy; for"),
        (zipped({}), "it is empty"),
        (zipped({"x.npy": npy(PIXELS)}, zipfile.ZIP_LZMA), "compressed otherwise than NumPy does it"),
        (zipped({"x.npy": promised((10**12,))}), "promises 1000000000000 values of 1 bytes, 0 bytes follow"),
        (zipped({"x.npy": b"text"}), "its header is damaged"),
        (FILES["deflated.npz"][:-30], "cannot read"),
    ],
    ids=range(6),
)
def test_archives_of_anything_else_are_said(tmp_path, content, message):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(RequestError) as error:
        read_array(str(tmp_path / "a.npz"), None, WHERE)
    assert message in str(error.value) and "a.npz" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["zeros.npz", "zeros.gz"])
def test_a_budget_bounds_what_small_files_unpack_to(tmp_path, monkeypatch, name):
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "1MB")
    zeros = np.zeros((2000, 28, 28), np.uint8)
    (tmp_path / name).write_bytes(npz(x=zeros) if name.endswith("npz") else gzip.compress(idx(zeros)))
    with pytest.raises(RequestError, match=r"takes 0\.0 GB of memory, and RETRACE_MEMORY_BUDGET allows"):
        read_array(str(tmp_path / name), None, WHERE)
    monkeypatch.delenv("RETRACE_MEMORY_BUDGET")
    assert read_array(str(tmp_path / name), None, WHERE).shape == zeros.shape


def test_a_sparse_file_of_the_promised_size_stays_on_disk(tmp_path):
    path = tmp_path / "a.npy"
    with open(path, "wb") as file:
        file.write(promised((10**10,)))
        file.truncate(file.tell() + 10**10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(read_array(str(path), None, WHERE)) == 10**10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_pickles_are_never_loaded(tmp_path):
    code = f"""
import numpy, os
class Evil:
    def __reduce__(self):
        return os.mkdir, ({str(tmp_path / "ran")!r},)
numpy.save({str(tmp_path / "a.npy")!r}, numpy.array([Evil()], object), allow_pickle=True)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(RequestError, match="Python objects"):
        read_array(str(tmp_path / "a.npy"), None, WHERE)
    assert not (tmp_path / "ran").exists()
