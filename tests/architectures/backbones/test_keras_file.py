"""Tests of architectures.backbones.keras_file: taps equal Keras' own activations, and hostile files run nothing."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from architectures.backbones.base import ArgumentError
from architectures.backbones.keras_file import KerasFile


@pytest.fixture(autouse=True)
def _as_in_a_new_process():
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)


def convolutional():
    """Variable size, a shared layer, operations without layers, a residual sum, two outputs."""
    image = keras.Input((None, None, 3))
    tensor = layers.Conv2D(4, 3, strides=2, name="first")(image)
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    tensor = layers.BatchNormalization(name="norm")(shared(shared(tensor)) * 2.0 + tensor)
    tensor = layers.DepthwiseConv2D(3, name="depthwise")(ops.relu(tensor))
    return keras.Model(image, [layers.GlobalAveragePooling2D(name="pool")(tensor), tensor])


def transfer():
    """A frozen network inside a stack, as transfer learning has it."""
    image = keras.Input((32, 32, 3))
    tensor = layers.BatchNormalization()(layers.Conv2D(6, 3, strides=2, padding="same", name="stem")(image))
    wide = layers.DepthwiseConv2D(3, strides=2, padding="same", name="wide", use_bias=False)(layers.ReLU(6.0)(tensor))
    trunk = keras.Model(image, layers.Conv2D(8, 1, name="project")(wide), name="trunk")
    trunk.trainable = False
    stack = [layers.Rescaling(2.0, -1.0), trunk, layers.GlobalAveragePooling2D(), layers.Dropout(0.3), layers.Dense(5)]
    return keras.Sequential([keras.Input((32, 32, 3)), *stack])


def grey():
    """A plain stack on grey images."""
    stack = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(6)]
    return keras.Sequential([keras.Input((28, 28, 1)), *stack])


def transformer():
    """Patches, attention with keywords, a nested functional block that is called twice."""
    tokens = keras.Input((16, 8))
    normal = layers.LayerNormalization(name="normal")(tokens)
    attended = layers.MultiHeadAttention(2, 4, name="attention")(query=normal, value=normal)
    block = keras.Model(
        tokens, layers.Add(name="sum")([tokens, layers.Dense(8, activation="gelu")(attended)]), name="b"
    )
    image = keras.Input((16, 16, 3))
    patches = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4, name="patches")(image))
    return keras.Model(image, layers.Dense(3)(ops.mean(block(block(patches)), axis=1)))


def augmented():
    """What tutorials begin with: random layers, which rest in a frozen network, and statistics of the data."""
    normalization = layers.Normalization(name="statistics")
    normalization.adapt(np.random.default_rng(0).random((32, 20, 20, 3)) * 3)
    random = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.2)], name="random")
    shrunk = layers.SpectralNormalization(layers.Conv2D(2, 3), name="spectral")
    return keras.Sequential([keras.Input((20, 20, 3)), random, normalization, shrunk, layers.PReLU(name="prelu")])


def recurrent():
    """Rows of patches as a sequence; layers around layers; an index, and an output of several."""
    image = keras.Input((16, 16, 3))
    rows = layers.Reshape((4, 16))(layers.Conv2D(4, 4, strides=4)(image))
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(rows)
    each = layers.TimeDistributed(layers.Dense(3, activation="gelu"), name="each")(both)
    attended, _ = layers.MultiHeadAttention(1, 2, name="attention")(each, each, return_attention_scores=True)
    return keras.Model(image, layers.GRU(4, name="last")(attended[:, 1:] / 2.0))


NETWORKS = {
    "convolutional": convolutional,
    "transfer": transfer,
    "grey": grey,
    "transformer": transformer,
    "augmented": augmented,
    "recurrent": recurrent,
}


def varied(network):
    """The network with values that no initializer gives, statistics of normalisation included."""
    generator = np.random.default_rng(1)
    for variable in network.weights:
        if variable.dtype == "float32" and "statistics" not in variable.path:
            variable.assign(variable.numpy() + generator.uniform(0, 0.1, variable.shape))
    return network


def images(network, count=2):
    _, height, width, channels = network.inputs[0].shape
    return np.random.default_rng(0).random((count, height or 33, width or 29, channels), dtype="float32")


def activations(path, batch, taps, **settings):
    found = KerasFile(str(path)).features(batch.shape[1:], taps, **settings)(batch)
    return [tap.numpy() for tap in keras.tree.flatten(found)]


def of_keras(network, batch, tensors):
    return keras.Model(network.inputs, tensors).predict(batch, verbose=0)


def refused(path):
    with pytest.raises(ArgumentError) as error:
        KerasFile(str(path)).features((32, 32, 3), ["none such"])
    assert error.value.argument == "path" and "\n" not in str(error.value)
    return str(error.value)


# Taps


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", NETWORKS)
def test_taps_equal_the_activations_of_keras(name, suffix, tmp_path):
    network = varied(NETWORKS[name]())
    network.save(tmp_path / f"n.{suffix}")
    batch = images(network)
    backbone = KerasFile(str(tmp_path / f"n.{suffix}"))
    taps = backbone.taps(batch.shape[1:])
    features = backbone.features(batch.shape[1:], [tap.name for tap in taps])
    found = dict(zip([tap.name for tap in taps], features(batch)))
    assert [tuple(found[tap.name].shape[1:]) for tap in taps] == [tap.shape for tap in taps]
    assert not features.trainable_variables
    for layer in network.layers:
        if layer.name in found and len(layer._inbound_nodes) == 1 and keras.backend.is_keras_tensor(layer.output):
            expected = of_keras(network, batch, layer.output)
            np.testing.assert_allclose(found[layer.name], expected, atol=1e-4, err_msg=layer.name)
    for output, expected in zip(network.outputs, keras.tree.flatten(network.predict(batch, verbose=0))):
        np.testing.assert_allclose(found[output._keras_history.operation.name], expected, atol=1e-4)


def test_layers_of_a_nested_network_are_taps(tmp_path):
    network = varied(transfer())
    network.save(tmp_path / "n.keras")
    batch = images(network)
    trunk = network.get_layer("trunk")
    inner = keras.Model(trunk.inputs, trunk.get_layer("project").output)
    [found] = activations(tmp_path / "n.keras", batch, ["trunk.project"])
    np.testing.assert_allclose(found, inner.predict(batch * 2 - 1, verbose=0), atol=1e-4)
    taps = {tap.name: tap for tap in KerasFile(str(tmp_path / "n.keras")).taps((32, 32, 3))}
    assert taps["trunk.project"].stride == 4 and taps["rescaling"].stride == 1


def test_a_layer_called_twice_has_two_taps(tmp_path):
    network = varied(convolutional())
    network.save(tmp_path / "n.keras")
    batch = images(network)
    first, second = activations(tmp_path / "n.keras", batch, ["shared", "shared.2"])
    shared = network.get_layer("shared")
    for found, node in zip((first, second), shared._inbound_nodes):
        np.testing.assert_allclose(found, of_keras(network, batch, node.output_tensors[0]), atol=1e-4)
    names = [tap.name for tap in KerasFile(str(tmp_path / "n.keras")).taps((32, 32, 3))]
    assert names == ["first", "shared", "shared.2", "multiply", "add", "norm", "relu", "depthwise", "pool"]


def test_a_file_of_keras_2_is_read(tmp_path):
    network = varied(grey())
    kernel = {"class_name": "GlorotUniform", "config": {"seed": None}}
    shape = {"batch_input_shape": [None, 28, 28, 1], "dtype": "float32", "trainable": True}
    stack = [
        ("Conv2D", {**shape, "name": "conv2d", "filters": 4, "kernel_size": [3, 3], "kernel_initializer": kernel}),
        ("BatchNormalization", {"name": "norm", "axis": [3], "trainable": True, "dtype": "float32"}),
        ("DepthwiseConv2D", {"name": "depthwise", "kernel_size": [3, 3], "groups": 1, "trainable": True}),
        ("Flatten", {"name": "flatten", "trainable": True, "data_format": "channels_last"}),
    ]
    config = {"name": "sequential", "layers": [{"class_name": name, "config": config} for name, config in stack]}
    norm = [np.linspace(0.5, 1, 4, dtype="f") + number for number in range(4)]
    kernels = {
        "conv2d": {"kernel:0": network.layers[0].kernel.numpy(), "bias:0": network.layers[0].bias.numpy()},
        "norm": dict(zip(("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"), norm)),
        "depthwise": {"depthwise_kernel:0": np.ones((3, 3, 4, 1), "f"), "bias:0": np.zeros(4, "f")},
        "flatten": {},
    }
    with h5py.File(tmp_path / "n.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config})
        file.attrs["keras_version"] = "2.11.0"
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = list(kernels)
        for layer, values in kernels.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}" for name in values]
            for name, value in values.items():
                group.create_dataset(f"{layer}/{name}", data=value)
    batch = images(network)
    conv, normed, deep = activations(tmp_path / "n.h5", batch, ["conv2d", "norm", "depthwise"])
    before = network.layers[0].kernel.numpy(), network.layers[0].bias.numpy()
    expected = np.asarray(ops.conv(batch, before[0])) + before[1]
    np.testing.assert_allclose(conv, expected, atol=1e-4)
    gamma, beta, mean, variance = norm
    np.testing.assert_allclose(normed, (expected - mean) / np.sqrt(variance + 1e-3) * gamma + beta, atol=1e-4)
    summed = np.lib.stride_tricks.sliding_window_view(normed, (3, 3), (1, 2)).sum((-1, -2))
    np.testing.assert_allclose(deep, summed, atol=1e-3)


def test_channels_and_size_are_the_networks_own(tmp_path):
    for name, channels, size in (("grey", 1, (28, 28)), ("convolutional", 3, None)):
        NETWORKS[name]().save(tmp_path / f"{name}.keras")
        backbone = KerasFile(str(tmp_path / f"{name}.keras"))
        assert (backbone.channels, backbone.input_size) == (channels, size)
    with pytest.raises(ValueError, match=r"layer 'shared' of .* cannot take|layer 'first' of .* cannot take"):
        backbone.taps((2, 2, 3))
    with pytest.raises(ValueError, match=r"unknown tap 'sharde' of keras_file; nearest: shared, .*taps .*\.keras"):
        backbone.features((32, 32, 3), ["sharde"])


def test_values_may_come_from_elsewhere_or_be_random(tmp_path):
    network = varied(convolutional())
    network.save(tmp_path / "n.keras")
    batch = images(network)
    own, random, again = (
        activations(tmp_path / "n.keras", batch, ["first"], weights=weights, seed=3)[0]
        for weights in ("pretrained", "none", "none")
    )
    np.testing.assert_array_equal(random, again)
    assert np.abs(own - random).max() > 0.01
    network.get_layer("first").kernel.assign(network.get_layer("first").kernel * 0)
    network.save_weights(tmp_path / "other.weights.h5")
    [other] = activations(tmp_path / "n.keras", batch, ["first"], weights=str(tmp_path / "other.weights.h5"))
    np.testing.assert_allclose(other, np.broadcast_to(network.get_layer("first").bias.numpy(), other.shape), atol=1e-6)
    grey().save_weights(tmp_path / "grey.weights.h5")
    with pytest.raises(ValueError, match=r"grey.weights.h5 does not fit"):
        activations(tmp_path / "n.keras", batch, ["first"], weights=str(tmp_path / "grey.weights.h5"))


def test_the_spec_decides_the_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        varied(grey()).save(tmp_path / "n.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    model = KerasFile(str(tmp_path / "n.keras")).features((28, 28, 1), ["dense"])
    assert model.outputs[0].dtype == "float32"


# What is refused


def rewritten(path, change):
    """The archive with another configuration."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_layer(config, /, **entry):
    """Puts a layer, or settings of one, into the second place of a stack."""
    config["config"]["layers"][1].update(entry)


def gadget(module, name, /, **config):
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def test_what_leads_out_of_the_file_is_refused(tmp_path):
    network = grey()
    network.save(tmp_path / "n.h5")
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret.create_dataset("kernel", data=np.ones((3, 3, 1, 4), "f"))
    with h5py.File(tmp_path / "n.h5", "r+") as file:
        names = [name for name in file["model_weights"] if name.startswith("conv2d")]
        group = file["model_weights"][names[0]]
        place = group.attrs["weight_names"][0]
        del group[place]
        group[place] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "kernel")
    with pytest.raises(ArgumentError, match="is a link to another place or file"):
        KerasFile(str(tmp_path / "n.h5")).features((28, 28, 1), [names[0]])


def test_sizes_are_bounded(tmp_path, monkeypatch):
    grey().save(tmp_path / "n.keras")
    rewritten(tmp_path / "n.keras", lambda config: config["config"]["layers"][1]["config"].update(filters=10**10))
    assert "describes no network that works" in refused(tmp_path / "n.keras")
    grey().save(tmp_path / "n.keras")
    rewritten(tmp_path / "n.keras", lambda config: config["config"]["layers"][-1]["config"].update(units=10**10))
    assert "RETRACE_MEMORY_BUDGET" in refused(tmp_path / "n.keras")
    many = [{"class_name": "ReLU", "module": "keras.layers", "config": {}}] * 6000
    grey().save(tmp_path / "n.keras")
    rewritten(tmp_path / "n.keras", lambda config: config["config"]["layers"].extend(many))
    assert "has more than 5,000 layers" in refused(tmp_path / "n.keras")
    deep = []
    for _ in range(900):
        deep = [deep]
    grey().save(tmp_path / "n.keras")
    rewritten(tmp_path / "n.keras", lambda config: config["config"]["layers"][1]["config"].update(filters=deep))
    assert "nested" in refused(tmp_path / "n.keras")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (40 << 20))
    assert "config.json in it is larger than" in refused(tmp_path / "bomb.keras")
    monkeypatch.setenv("RETRACE_MEMORY_BUDGET", "30kB")
    grey().save(tmp_path / "n.keras")
    assert "RETRACE_MEMORY_BUDGET" in refused(tmp_path / "n.keras")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.Sequential([keras.Input((8, 8, 4)), layers.Conv2D(2, 3)]), r"inputs of shape \[None, 8, 8, 4\]"),
        (lambda: keras.Sequential([keras.Input((9,)), layers.Dense(2)]), r"inputs of shape \[None, 9\]"),
        (lambda: keras.Sequential([keras.Input((3, 8, 8)), layers.Flatten()]), "channels_last"),
        (lambda: keras.Sequential([layers.Dense(2)]), "does not state the shape of its input"),
        (lambda: two_inputs(), "takes 2 inputs"),
    ],
)
def test_networks_that_do_not_take_one_image_are_refused(make, message, tmp_path):
    make().save(tmp_path / "n.keras")
    with pytest.raises(ArgumentError, match=message):
        KerasFile(str(tmp_path / "n.keras"))


def two_inputs():
    first, second = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    return keras.Model([first, second], layers.Add()([first, second]))


def test_files_that_are_no_networks_are_refused(tmp_path):
    grey().save_weights(tmp_path / "n.weights.h5")
    (tmp_path / "text.keras").write_text("hello")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("other", "")
    assert "holds weights and no network" in refused(tmp_path / "n.weights.h5")
    assert "neither a .keras file nor HDF5" in refused(tmp_path / "text.keras")
    assert "it has no config.json" in refused(tmp_path / "empty.keras")
    assert "no such file" in refused(tmp_path / "missing.keras")
    assert "cannot be read" in refused(tmp_path)


@keras.saving.register_keras_serializable("somewhere")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stem = layers.Conv2D(3, 3)
        self.blocks = [layers.Conv2D(3, 3), layers.Conv2D(2, 1)]

    def call(self, inputs):
        tensor = self.stem(inputs)
        for block in self.blocks:
            tensor = block(tensor)
        return {"map": tensor, "mean": ops.mean(tensor, axis=(1, 2))}


def test_a_known_subclass_is_tapped_at_its_outputs(tmp_path):
    network = Subclassed()
    batch = np.random.default_rng(0).random((2, 12, 12, 3), dtype="float32")
    expected = network(batch)
    varied(network)
    expected = network(batch)
    network.save(tmp_path / "n.keras")
    names = [tap.name for tap in KerasFile(str(tmp_path / "n.keras")).taps((12, 12, 3))]
    assert names == ["subclassed.output_0", "subclassed.output_1"]
    found = activations(tmp_path / "n.keras", batch, names)
    np.testing.assert_allclose(found[0], expected["map"], atol=1e-4)
    np.testing.assert_allclose(found[1], expected["mean"], atol=1e-4)


@pytest.mark.parametrize("count", [12, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_damaged_files_end_in_one_line(suffix, count, tmp_path):
    path = tmp_path / f"n.{suffix}"
    stack = [layers.Conv2D(2, 3, name="c"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    keras.Sequential([keras.Input((16, 16, 3)), *stack]).save(path)
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(count):
        mutant = bytearray(whole)
        start = int(generator.integers(len(mutant)))
        match generator.integers(3):
            case 0:
                for place in generator.integers(len(mutant), size=4):
                    mutant[place] ^= 1 << generator.integers(8)
            case 1:
                del mutant[start : start + int(generator.integers(1, 4000))]
            case _:
                mutant[start : start + 64] = bytes(len(mutant[start : start + 64]))
        path.write_bytes(mutant)
        try:
            KerasFile(str(path)).features((16, 16, 3), ["c"])
            outcomes["read"] += 1
        except ValueError as error:
            assert "\n" not in str(error) and len(str(error)) < 700
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
