"""`.pth` files: what torch writes is read exactly; what a hostile file asks for is refused, and never run."""

import io
import os
import pickle
import random
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from architectures.weights.pth_reader import read_pth

FLOAT = b"ctorch\nFloatStorage\n"


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value):
    return b"J" + struct.pack("<i", value) if abs(value) < 1 << 31 else b"\x8a\x08" + struct.pack("<q", value)


def numbers(values):
    return b"(" + b"".join(number(value) for value in values) + b"t"


def tensor(key="0", count=6, offset=0, shape=(2, 3), strides=(3, 1), kind=FLOAT, rebuild="_rebuild_tensor_v2"):
    """The opcodes with which torch pickles a tensor."""
    storage = b"(" + text("storage") + kind + text(key) + text("cpu") + number(count) + b"tQ"
    arguments = b"(" + storage + number(offset) + numbers(shape) + numbers(strides) + b"\x89}t"
    return b"ctorch._utils\n" + rebuild.encode() + b"\n" + arguments + b"R"


def state(*values):
    """A pickled dictionary w0, w1, … of some opcodes."""
    items = b"".join(text(f"w{index}") + value for index, value in enumerate(values))
    return b"\x80\x02}(" + items + b"u."


def archive(path, content, storages=None, compression=zipfile.ZIP_STORED):
    storages = {"0": np.arange(6, dtype="<f4").tobytes()} if storages is None else storages
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("net/data.pkl", content)
        for key, value in storages.items():
            file.writestr(f"net/data/{key}", value)
    return path


def legacy(path, content, keys=("0",), counts=(6,)):
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    parts = [pickle.dumps(part, protocol=2) for part in head]
    parts += [content, pickle.dumps(list(keys), protocol=2)]
    parts += [struct.pack("<q", count) + np.arange(6, dtype="<f4").tobytes() for count in counts]
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("write", [archive, legacy])
def test_hand_written_files_are_read(tmp_path, write):
    content = state(tensor(), tensor(offset=1, shape=(2,), strides=(2,)), tensor(shape=(), strides=()), number(3))
    found = read_pth(write(tmp_path / "net.pth", content))
    assert sorted(found) == ["w0", "w1", "w2"]
    np.testing.assert_array_equal(found["w0"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["w1"], [1, 3])
    assert found["w2"].shape == ()


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_is_read_exactly(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    shared = torch.randn(4, 5)
    weights = {
        "plain": torch.randn(3, 2),
        "transposed": shared.t(),
        "slice": shared[1:3, ::2],
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(2)),
        **{
            str(dtype): (torch.randn(5) * 9).to(dtype)
            for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.int16, torch.int8)
        },
        "bytes": torch.arange(5, dtype=torch.uint8),
        "truth": torch.tensor([True, False]),
    }
    optimizer = {"state": {0: {"momentum": torch.randn(8)}}, "lr": 0.1}
    for number, content in enumerate((weights, {"epoch": 3, "state_dict": weights, "optimizer": optimizer})):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        found = read_pth(path)
        assert sorted(found) == sorted(weights)
        for name, value in weights.items():
            value = value.detach()
            value = value.float() if value.dtype == torch.bfloat16 else value
            assert found[name].dtype == value.numpy().dtype
            np.testing.assert_array_equal(found[name], value.numpy())
    assert sorted(read_pth(path, {"slice", "absent"})) == ["slice"]


def test_a_module_keeps_its_metadata_out_of_the_way(tmp_path):
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save(network.state_dict(), tmp_path / "net.pth")
    assert sorted(read_pth(tmp_path / "net.pth")) == sorted(network.state_dict())


RUN = b"cos\nsystem\n" + b"(" + text("touch MARKER") + b"tR"
CALLS = {
    "a call as a value": state(RUN),
    "a call before the dictionary": b"\x80\x02" + RUN + b"0" + state(tensor())[2:],
    "a name from the stack": state(text("os") + text("system") + b"\x93(" + text("touch MARKER") + b"tR"),
    "INST": state(b"(" + text("touch MARKER") + b"ios\nsystem\n"),
    "OBJ": state(b"(cos\nsystem\n" + text("touch MARKER") + b"o"),
    "NEWOBJ": state(b"cos\nsystem\n" + text("touch MARKER") + b"\x85\x81"),
    "an extension": state(b"\x82\x01"),
    "a state for a function": state(b"ctorch._utils\n_rebuild_tensor_v2\n}b"),
    "a tensor of a call": state(tensor(kind=RUN)),
    "a builtin": state(b"cbuiltins\neval\n" + b"(" + text("1") + b"tR"),
    "an attribute chain": state(b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n)R"),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_nothing_is_executed(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = archive(tmp_path / "net.pth", CALLS[name])
    try:
        found = read_pth(path)
    except ValueError as error:
        assert "net.pth cannot be read as PyTorch weights" in str(error)
        assert "\n" not in str(error)
    else:
        assert list(found) == ["w0"]
    assert not (tmp_path / "MARKER").exists()


BOUNDS = {
    "reaches beyond its storage": [
        tensor(offset=1),
        tensor(shape=(2, 4), strides=(3, 1)),
        tensor(strides=(4, 1)),
        tensor(shape=(1 << 20, 1 << 20), strides=(0, 0)),
        tensor(shape=(7,), strides=(0,)),
        tensor(shape=(1 << 40,), strides=(1,)),
    ],
    "whole numbers from 0": [
        tensor(offset=-1),
        tensor(shape=(-2, 3)),
        tensor(strides=(-3, 1)),
        tensor(strides=(1 << 62, 1)),
    ],
    "sizes and": [tensor(shape=(6,)), tensor(shape=(1,) * 17, strides=(1,) * 17)],
    "is not known|storage is of type": [tensor(kind=b"ctorch\nComplexStorage\n"), tensor(kind=b"cos\nFloatStorage\n")],
    "length is damaged": [tensor(count=-6), tensor(count=1 << 60)],
    "should have": [tensor(count=7), tensor(key="1"), tensor(key="../0")],
    "announced twice": [tensor() + b"0" + tensor(count=7, kind=b"ctorch\nHalfStorage\n")],
    "calls torch._utils._rebuild_sparse": [tensor(rebuild="_rebuild_sparse")],
}


@pytest.mark.parametrize(
    ("message", "value"), [(message, value) for message, values in BOUNDS.items() for value in values]
)
def test_bounds_are_checked(tmp_path, message, value):
    content = state(value) if message != "announced twice" else state(tensor(), tensor(count=7))
    with pytest.raises(ValueError, match=message):
        read_pth(archive(tmp_path / "net.pth", content))


def test_archives_that_torch_does_not_write(tmp_path):
    with pytest.raises(ValueError, match="compressed or encrypted"):
        read_pth(archive(tmp_path / "bomb.pth", state(tensor()), {"0": bytes(10**6)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(ValueError, match=r"no single data\.pkl"):
        with zipfile.ZipFile(tmp_path / "other.pth", "w") as file:
            file.writestr("readme", "")
        read_pth(tmp_path / "other.pth")
    with pytest.raises(ValueError, match="twice"), pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(archive(tmp_path / "twice.pth", state(tensor())), "a") as file:
            file.writestr("net/data/0", bytes(24))
        read_pth(tmp_path / "twice.pth")
    overlapping = bytearray(archive(tmp_path / "large.pth", state(tensor()), {"0": bytes(24)}).read_bytes())
    entry = overlapping.index(b"PK\x01\x02", overlapping.index(b"PK\x01\x02") + 4)
    overlapping[entry + 20 : entry + 28] = struct.pack("<II", 1 << 30, 1 << 30)
    (tmp_path / "large.pth").write_bytes(overlapping)
    with pytest.raises(ValueError, match="larger than the file"):
        read_pth(tmp_path / "large.pth")


def test_older_files_that_lie_about_their_storages(tmp_path):
    for keys, counts in (((), ()), (("0",), (7,)), (("0", "0"), (6, 6)), (("1",), (6,)), (("0",), ())):
        with pytest.raises(ValueError, match=r"net\.pth cannot be read as PyTorch weights"):
            read_pth(legacy(tmp_path / "net.pth", state(tensor()), keys, counts))


def test_bombs_are_cheap(tmp_path):
    doubled = b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(200))
    bombs = [
        state(tensor(kind=doubled)),
        state(doubled),
        b"\x80\x02}r\xff\xff\xff\xff.",
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62),
        b"\x80\x02" + b"]" * 10**6 + b".",
        b"\x80\x02" + b"(" * 10**5 + b"t" * 10**5 + b".",
    ]
    for bomb in bombs:
        assert refused_cheaply(archive(tmp_path / "net.pth", bomb))


def refused_cheaply(path):
    """Whether a process of 1 GB refuses a file within 20 seconds of the processor."""
    code = (
        "import resource, sys, pathlib\n"
        "from architectures.weights.pth_reader import read_pth\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "try:\n    read_pth(pathlib.Path(sys.argv[1]))\n"
        "except ValueError as error:\n    sys.exit('cannot be read' not in str(error) or 'allocate' in str(error))\n"
        "sys.exit(2)"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=environment).returncode == 0


ORDERED = b"ccollections\nOrderedDict\n"


def test_calls_that_copy_are_counted(tmp_path):
    """A list that is copied again and again takes more than the file says."""
    pair, pairs = b"K\x00K\x00\x86", b"".join(number(key) + b"N\x86" for key in range(20_000))
    bombs = {
        "one list of many": b"](" + b"K\x00" * 40_000 + b"eq\x02](" + b"h\x02" * 40_000 + b"eq\x01",
        "one list, many times": b"](" + pairs + b"eq\x01" + (ORDERED + b"h\x01\x85R0") * 4000,
        "one key": b"](" + pair * 90_000 + b"eq\x01",
    }
    for bomb in bombs.values():
        assert refused_cheaply(archive(tmp_path / "net.pth", b"\x80\x02" + bomb + ORDERED + b"h\x01\x85R."))


def test_keys_that_collide_are_refused(tmp_path):
    """Multiples of 2^61 - 1 have one hash: a dictionary of them takes the square of their number."""
    keys = b"".join(b"\x8a\x0b" + (i * ((1 << 61) - 1)).to_bytes(11, "little") + b"N" for i in range(1, 100_000))
    assert refused_cheaply(archive(tmp_path / "net.pth", b"\x80\x02}(" + keys + b"u."))


def test_a_directory_of_a_million_members_is_not_read(tmp_path):
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, 5, *[0] * 6) + b"a"
    entries = b"".join(entry[:46] + b"%05x" % index for index in range(1_000_000))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(entries), 0, 0)
    (tmp_path / "net.pth").write_bytes(entries + end)
    began = time.process_time()
    with pytest.raises(ValueError, match="directory takes 51,000,000 bytes"):
        read_pth(tmp_path / "net.pth")
    assert time.process_time() - began < 1


def test_views_count_as_often_as_they_are_made(tmp_path, monkeypatch):
    """4,000 views of 4 MB would be a file of 16 GB."""
    count = 10**6
    views = state(*[tensor(count=count, shape=(count,), strides=(1,))] * 4000)
    path = archive(tmp_path / "net.pth", views, {"0": bytes(4 * count)})
    with pytest.raises(ValueError, match=r"tensors take 16,000,000,000 bytes, more than .*RETRACE_MEMORY_BUDGET"):
        read_pth(path)
    assert len(read_pth(path, {"w0", "w1"})) == 2
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "16 GB")
    assert len(read_pth(path)) == 4000
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "much")
    with pytest.raises(ValueError, match="RETRACE_MEMORY_BUDGET: expected a number of bytes such as 4GB, got 'much'"):
        read_pth(path)


@pytest.mark.parametrize("name", ["", "__metadata__", "a\nb", "a\x1b[31mb", "\u202eab", "\ud800", "a\x00"])
@pytest.mark.parametrize("write", [archive, legacy])
def test_names_that_no_file_of_weights_can_hold(tmp_path, write, name):
    data = name.encode("utf-8", "surrogatepass")
    content = b"\x80\x02}(X" + struct.pack("<I", len(data)) + data + tensor() + b"u."
    with pytest.raises(ValueError, match=r"a tensor is called .*, which cannot be the name of weights") as caught:
        read_pth(write(tmp_path / "net.pth", content))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("write", [archive, legacy])
def test_a_name_given_twice(tmp_path, write):
    with pytest.raises(ValueError, match="a key twice"):
        read_pth(write(tmp_path / "net.pth", b"\x80\x02}(" + (text("a") + tensor()) * 2 + b"u."))


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo.pth")
    (tmp_path / "zero.pth").symlink_to("/dev/zero")
    with (tmp_path / "sparse.pth").open("wb") as file:
        file.truncate(10**10)
    for name in ("fifo.pth", "zero.pth", "sparse.pth", ".", "none.pth"):
        with pytest.raises(ValueError, match="cannot be read: "):
            read_pth(tmp_path / name)


def test_no_damage_ends_in_another_error(tmp_path):
    """Cut, flipped, doubled: every mutant of both formats is read or refused with one line."""
    generator = random.Random(5)
    path = tmp_path / "net.pth"
    originals = [write(path, state(tensor(), tensor(offset=1))).read_bytes() for write in (archive, legacy)]
    for number in range(800):
        data = bytearray(originals[number % 2])
        for _ in range(generator.randint(1, 3)):
            place = generator.randrange(len(data))
            match generator.randrange(3):
                case 0:
                    data[place] = generator.randrange(256)
                case 1:
                    del data[place : place + generator.choice([1, 4, len(data)])]
                case 2:
                    data[place:place] = data[place : place + 8]
            if not data:
                break
        path.write_bytes(data)
        try:
            found = read_pth(path)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert all(isinstance(value, np.ndarray) for value in found.values())


@pytest.mark.parametrize("content", [b"", b"not weights", pickle.dumps([1, 2]), io.BytesIO().getvalue()])
def test_other_files(tmp_path, content):
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(ValueError, match="neither a zip archive nor in the older format"):
        read_pth(tmp_path / "net.pth")
