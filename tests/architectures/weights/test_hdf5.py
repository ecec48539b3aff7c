"""Reading HDF5 weights whose layers bear other names, and files that do not fit."""

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
