"""Reading HDF5 weights whose layers bear other names, and files that do not fit."""

import os
import time

import h5py
import keras
import numpy as np
import pytest

from architectures.weights.hdf5 import read_hdf5


def small(names=("a", "b"), filters=(4, 2)):
    image = tensor = keras.Input((8, 8, 3))
    for name, count in zip(names, filters):
        tensor = keras.layers.BatchNormalization(name=f"{name}_bn")(keras.layers.Conv2D(count, 3, name=name)(tensor))
    return keras.Model(image, tensor, name="small")


def write_published(path, network, rename):
    """The format in which keras.applications publishes: names in attributes, in pieces where there are many."""
    with h5py.File(path, "w") as file:
        names = [rename(layer.name).encode() for layer in network.layers]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:2], names[2:]
        for layer in network.layers:
            group = file.create_group(rename(layer.name))
            variables = [*layer.trainable_weights, *layer.non_trainable_weights]
            group.attrs["weight_names"] = [f"{layer.name}/{variable.name}:0".encode() for variable in variables]
            for variable in variables:
                group[f"{layer.name}/{variable.name}:0"] = np.asarray(variable)


@pytest.mark.parametrize("rename", [lambda name: name, lambda name: f"old_{name}"])
def test_by_name_else_by_order(tmp_path, rename):
    network = small()
    for number, variable in enumerate(network.weights):
        variable.assign(np.full(variable.shape, number))
    write_published(tmp_path / "published.h5", network, rename)
    arrays = read_hdf5(tmp_path / "published.h5", network, {"b", "b_bn"})
    assert sorted(arrays) == ["b", "b_bn"]
    for name, values in arrays.items():
        for value, variable in zip(values, network.get_layer(name).weights):
            np.testing.assert_array_equal(value, variable)


def test_a_file_that_does_not_fit_says_where(tmp_path):
    write_published(tmp_path / "other.h5", small(filters=(4, 5)), lambda name: name)
    message = r"other\.h5 does not fit small: layer b needs shapes \[\(3, 3, 4, 2\), .*the file holds \[\(3, 3, 4, 5\)"
    with pytest.raises(ValueError, match=message):
        read_hdf5(tmp_path / "other.h5", small(), {"a", "b"})
    small(("a",), (4,)).save_weights(tmp_path / "short.weights.h5")
    with pytest.raises(ValueError, match=r"layer b needs shapes .*nothing for it"):
        read_hdf5(tmp_path / "short.weights.h5", small(), {"a", "b"})


def test_other_hdf5_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"data\.h5 holds no weights of a Keras model"):
        read_hdf5(tmp_path / "data.h5", small(), {"a"})


BIAS = "layers/conv2d/vars/1"


def link_out(file, place, secret):
    """Another file's values at a place, by way of a link."""
    del file[place]
    file[place] = h5py.ExternalLink(str(secret), place)


def replaced(make):
    """Puts what `make` writes in the place of the bias of `a`."""

    def change(file, secret):
        del file[BIAS]
        make(file, secret)

    return change


def virtual(file, secret):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(secret), BIAS, shape=(4,))
    file.create_virtual_dataset(BIAS, layout)


def soft_link(file, secret):
    file["elsewhere"] = np.ones(4, "float32")
    file[BIAS] = h5py.SoftLink("/elsewhere")


def raw_storage(file, secret):
    file.create_dataset(BIAS, shape=(4,), dtype="f4", external=[(str(secret), 0, 16)])


STRANGE = {
    "a link to a value": (lambda file, secret: link_out(file, BIAS, secret), "is a link"),
    "a link to a layer": (lambda file, secret: link_out(file, "layers/conv2d", secret), "is a link"),
    "a link to all layers": (lambda file, secret: link_out(file, "layers", secret), "is a link"),
    "a link to an older file": (
        lambda file, secret: file.update(model_weights=h5py.ExternalLink(str(secret), "/")),
        "is a link",
    ),
    "a link inside the file": (replaced(soft_link), "is a link"),
    "storage in another file": (replaced(raw_storage), "in another file"),
    "a virtual dataset": (replaced(virtual), "in another file"),
    "complex numbers": (replaced(lambda file, _: file.create_dataset(BIAS, data=np.ones(4, "c8"))), "real numbers"),
    "text": (replaced(lambda file, _: file.create_dataset(BIAS, data=["x"] * 4)), "real numbers"),
    "values of a gigabyte": (
        replaced(lambda file, _: file.create_dataset(BIAS, shape=(4,), dtype=np.dtype((np.void, 10**9)))),
        "real numbers",
    ),
    "a group for values": (replaced(lambda file, _: file.create_group(BIAS)), "is no dataset"),
    "NaN": (lambda file, _: file[BIAS].write_direct(np.full(4, np.nan, "f4")), "4 of the 4 values of a are NaN"),
    "infinity": (lambda file, _: file[BIAS].write_direct(np.array([1, 2, 3, np.inf], "f4")), "NaN or infinite"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_only_real_numbers_in_the_file_itself_are_weights(tmp_path, name):
    change, message = STRANGE[name]
    network, path, secret = small(), tmp_path / "net.weights.h5", tmp_path / "secret.weights.h5"
    network.save_weights(secret)
    network.save_weights(path)
    with h5py.File(path, "r+") as file:
        change(file, secret)
    with pytest.raises(ValueError, match=message) as caught:
        read_hdf5(path, network, {"a", "b"})
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_other_types_of_real_numbers_are_read(tmp_path):
    network, path = small(), tmp_path / "net.weights.h5"
    network.save_weights(path)
    for values in (np.arange(4, dtype=">f8"), np.arange(4, dtype="f2"), np.arange(4, dtype="u1")):
        with h5py.File(path, "r+") as file:
            del file[BIAS]
            file.create_dataset(BIAS, data=values, chunks=True, compression="gzip")
        found = read_hdf5(path, network, {"a"})["a"][1]
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype.newbyteorder("=")


def test_a_file_that_never_ends_is_left(tmp_path):
    """An empty piece of free space in a heap of names has the library step on the spot."""
    network, path = small(), tmp_path / "net.h5"
    write_published(path, network, lambda layer: layer)
    data = bytearray(path.read_bytes())
    place = data.index(b"GCOL") + 16
    while int.from_bytes(data[place : place + 2], "little"):
        size = int.from_bytes(data[place + 8 : place + 16], "little")
        place += 16 + (size + 7) // 8 * 8
    data[place + 8 : place + 16] = bytes(8)
    path.write_bytes(data)
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"net\.h5 cannot be read .*reading its structure took too long"):
        read_hdf5(path, network, {"a"})
    assert time.monotonic() - began < 60


def test_what_is_no_file_is_not_opened(tmp_path, monkeypatch):
    network = small()
    os.mkfifo(tmp_path / "fifo.h5")
    with (tmp_path / "sparse.h5").open("wb") as file:
        file.truncate(10**10)
    network.save(tmp_path / "net.keras")
    (tmp_path / "empty.h5").touch()
    for name, message in {
        "fifo.h5": "is not a regular file",
        ".": "is not a regular file",
        "sparse.h5": "10,000,000,000 bytes.*RETRACE_MEMORY_BUDGET",
        "net.keras": r"give its model\.weights\.h5",
        "empty.h5": "signature not found",
        "a\x1b[31m\n.h5": r"a\\x1b\[31m\\n\.h5 cannot be read: No such file",
    }.items():
        with pytest.raises(ValueError, match=message):
            read_hdf5(tmp_path / name, network, {"a"})
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "1kB")
    network.save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(ValueError, match="more than 1,000; RETRACE_MEMORY_BUDGET"):
        read_hdf5(tmp_path / "net.weights.h5", network, {"a"})
