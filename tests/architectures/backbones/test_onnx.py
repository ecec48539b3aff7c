"""Networks in .onnx files: activations equal those of their framework, and what cannot be used is a line."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from architectures.backbones.base import ArgumentError
from architectures.backbones.onnx import Onnx
from architectures.features import FeatureExtractor
from architectures.onnx_files import process
from architectures.weights.digest import weights_hash
from tests.architectures.examples import NETWORKS

GOLDEN = np.load(NETWORKS / "activations.npz")
SIDE = 32

# File → tap → what PyTorch calls the module.
TAPS = {
    "convolutional_dynamo": {"relu_2": "a", "relu_4": "b", "linear": "head"},
    "convolutional_script": {"/a/Relu_1_output_0": "a", "/b/Relu_1_output_0": "b", "result.7": "head"},
    "transformer_dynamo": {"conv2d": "patch", "add_175": "encoder", "linear_4": "head"},
    "transformer_script": {"/patch/Conv_output_0": "patch", "/encoder/layers.0/Add_2_output_0": "encoder"},
}


def network(nodes, weights=(), image=("n", 3, 8, 8), kind=TensorProto.FLOAT, outputs=("end",), **options):
    """A network of some nodes, with the input `image`."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", kind, image)],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in dict(weights).items()],
    )
    options = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8, **options}
    return helper.make_model(graph, **options)


def convolution(kind=np.float32, channels=3):
    """A padded convolution from `image` to `end`, and its kernel."""
    kernel = np.random.default_rng(0).normal(size=(5, channels, 3, 3)).astype(kind)
    return helper.make_node("Conv", ["image", "kernel"], ["end"], pads=[1, 1, 1, 1]), {"kernel": kernel}


def written(tmp_path, model, name="network.onnx"):
    onnx.save_model(model, tmp_path / name)
    return Onnx(str(tmp_path / name))


def images(count=3, side=SIDE, channels=3):
    return np.random.default_rng(1).random((count, side, side, channels), np.float32)


def first(model, images):
    """The first output of a model, which is no list where it is the only one."""
    return keras.tree.flatten(model(images))[0]


def last(values):
    """PyTorch's maps with their channels last."""
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values


@pytest.mark.parametrize("name", TAPS)
def test_taps_equal_the_activations_of_pytorch(name):
    backbone = Onnx(str(NETWORKS / f"{name}.onnx"))
    assert (backbone.channels, backbone.input_size) == (3, (SIDE, SIDE))
    listed = {tap.name: tap for tap in backbone.taps((SIDE, SIDE, 3))}
    model = backbone.features((SIDE, SIDE, 3), list(TAPS[name]))
    found = model(GOLDEN["images"])
    for (tap, part), values, output in zip(TAPS[name].items(), found, model.outputs):
        expected = last(GOLDEN[f"{name.partition('_')[0]}.{part}"])
        assert listed[tap].shape == expected.shape[1:] == output.shape[1:]
        np.testing.assert_allclose(values, expected, atol=1e-4)
        assert listed[tap].stride == (SIDE // expected.shape[1] if expected.ndim == 4 else None)
    alone = np.concatenate([model(GOLDEN["images"][index : index + 1])[1] for index in range(3)])
    np.testing.assert_allclose(alone, found[1], atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_taps_of_tf2onnx_equal_those_of_keras(channels, tmp_path):
    keras.utils.set_random_seed(2)
    layers = keras.layers
    entering = keras.Input((20, 28, channels))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(entering)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="strided")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization()(x))
    gate = layers.Conv2D(8, 1, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.MaxPooling2D(2, name="pooled")(layers.Multiply(name="gated")([x, gate]))
    x = layers.LayerNormalization(name="norm")(layers.Conv2D(12, 3, activation="swish", name="valid")(x))
    x = layers.Dense(6, name="dense")(x)
    model = keras.Model(entering, layers.Dense(5, name="logits")(layers.Flatten(name="flat")(x)))
    for weight in model.weights:
        if "gamma" in weight.path or "variance" in weight.path:
            weight.assign(np.random.default_rng(0).uniform(0.5, 1.5, weight.shape))
    sample = np.random.default_rng(1).random((2, 20, 28, channels), np.float32)
    model(sample)
    model.export(tmp_path / "k.onnx", format="onnx", verbose=False)
    backbone = Onnx(str(tmp_path / "k.onnx"))
    assert (backbone.channels, backbone.input_size) == (channels, (20, 28))
    taps = backbone.taps((20, 28, channels))
    found = backbone.features((20, 28, channels), [tap.name for tap in taps])(sample)
    expected = keras.Model(entering, [layer.output for layer in model.layers[1:]])(sample)
    named = dict(zip([layer.name for layer in model.layers[1:]], expected))
    for name in ("first", "relu", "gate", "gated", "pooled", "norm", "flat", "logits"):
        values = np.asarray(named[name])
        nearest = [np.abs(tap - values).max() for tap in found if tap.shape == values.shape]
        assert nearest and min(nearest) < 1e-4, name
    strides = {tap.shape: tap.stride for tap in taps if tap.name.endswith(("Relu:0", "MaxPool2d:0"))}
    assert strides == {(20, 28, 8): 1, (10, 14, 8): 2, (5, 7, 8): 4}


@pytest.mark.parametrize(("kind", "dtype"), [(TensorProto.FLOAT16, np.float16), (TensorProto.UINT8, None)])
def test_other_types_of_images_are_converted(kind, dtype, tmp_path):
    node, weights = convolution(dtype or np.float32)
    before = [] if dtype else [helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT)]
    if not dtype:
        node.input[0] = "cast"
    backbone = written(tmp_path, network([*before, node], weights, kind=kind))
    found = first(backbone.features((8, 8, 3), ["end"]), images(side=8))
    given = images(side=8) if dtype else np.round(images(side=8) * 255)
    kernel = weights["kernel"].transpose(2, 3, 1, 0).astype(np.float32)
    expected = tf.nn.conv2d(given, kernel, 1, "SAME").numpy()
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, atol=2e-2 if dtype == np.float16 else 1e-3)


@pytest.mark.parametrize(
    ("image", "size"), [(("n", 3, "h", "w"), None), ((None, None, None, None), None), ((1, 3, 24, 24), (24, 24))]
)
def test_sizes_are_those_that_the_network_takes(image, size, tmp_path):
    node, weights = convolution()
    backbone = written(tmp_path, network([node], weights, image))
    assert backbone.input_size == size and backbone.channels == 3
    features = FeatureExtractor("onnx", ["end"], (16, 40, 3), arguments={"path": backbone.path})
    assert features.taps_model.outputs[0].shape == (None, *(size or (16, 40)), 5)
    assert features.taps_model(np.zeros((2, 16, 40, 3), np.float32))[0].shape == (2, *(size or (16, 40)), 5)


def test_a_network_for_one_image_computes_a_batch_image_by_image(tmp_path):
    node, weights = convolution()
    shape = {"shape": np.array([1, -1])}
    nodes = [node, helper.make_node("Reshape", ["end", "shape"], ["vector"])]
    backbone = written(tmp_path, network(nodes, weights | shape, (1, 3, 8, 8)))
    model = backbone.features((8, 8, 3), ["vector", "end"])
    vectors, maps = model(images(side=8))
    np.testing.assert_allclose(vectors, np.transpose(maps, (0, 3, 1, 2)).reshape(3, -1), atol=1e-6)
    assert model(np.zeros((0, 8, 8, 3), np.float32))[0].shape == (0, 320)


def test_random_values_are_the_seeds_and_the_files_are_hashed(tmp_path):
    path = tmp_path / "net.onnx"
    shutil.copy(NETWORKS / "convolutional_dynamo.onnx", path)

    def build(weights="pretrained", seed=0):
        model = Onnx(str(path)).features((SIDE, SIDE, 3), ["relu_4"], weights, seed)
        return first(model, images()).numpy(), weights_hash(model.variables), model

    trained, digest, model = build()
    assert model.trainable_variables == [] and model.get_layer("onnx").count_params() == 6788
    random, random_digest, _ = build("none", 3)
    assert np.abs(random - trained).max() > 0.1 and digest != random_digest
    np.testing.assert_array_equal(random, build("none", 3)[0])
    assert np.abs(random - build("none", 4)[0]).max() > 0.1
    changed = onnx.load(path)
    numbers = numpy_helper.to_array(changed.graph.initializer[0]) + 0.1
    changed.graph.initializer[0].CopyFrom(numpy_helper.from_array(numbers, changed.graph.initializer[0].name))
    onnx.save_model(changed, path)
    assert build()[1] != digest
    with pytest.raises(ValueError, match=r"has its values in its own file"):
        build("imagenet")


def test_values_in_files_beside_it_are_read_beneath_its_folder_alone(tmp_path):
    node, weights = convolution()
    folder = tmp_path / "a network"
    folder.mkdir()
    expected = first(written(tmp_path, network([node], weights)).features((8, 8, 3), ["end"]), images(side=8))
    onnx.save_model(
        network([node], weights),
        folder / "net.onnx",
        save_as_external_data=True,
        location="net.onnx.data",
        size_threshold=0,
    )
    backbone = Onnx(str(folder / "net.onnx"))
    np.testing.assert_array_equal(first(backbone.features((8, 8, 3), ["end"]), images(side=8)), expected)
    (tmp_path / "secret").write_bytes((folder / "net.onnx.data").read_bytes())
    content = (folder / "net.onnx.data").read_bytes()
    (folder / "net.onnx.data").write_bytes(content[:-1])
    with pytest.raises(ArgumentError, match=r"'net.onnx.data', which is shorter"):
        _ = Onnx(str(folder / "net.onnx")).channels
    (folder / "net.onnx.data").unlink()
    (folder / "net.onnx.data").symlink_to(tmp_path / "secret")
    for name in ("net.onnx.data", "../secret", str(tmp_path / "secret"), "/dev/zero", "", "."):
        model = onnx.load(folder / "net.onnx", load_external_data=False)
        model.graph.initializer[0].external_data[0].value = name
        (folder / "hostile.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ArgumentError, match=r"not beneath its folder") as caught:
            _ = Onnx(str(folder / "hostile.onnx")).channels
        assert "\n" not in str(caught.value) and caught.value.argument == "path"


def _hostile():
    """Name → (network, what its line says)."""
    node, weights = convolution()
    relu = helper.make_node("Relu", ["image"], ["end"])
    custom = helper.make_node("Steal", ["image"], ["end"], domain="evil.ops")
    large = {"shape": np.array([1 << 20, 1 << 20])}
    constant = helper.make_node("ConstantOfShape", ["shape"], ["huge"])
    total = helper.make_node("ReduceSum", ["huge"], ["total"], keepdims=0)
    added = helper.make_node("Add", ["image", "total"], ["end"])
    two = network([node], weights)
    two.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 4]))
    declared = network([node], weights)
    declared.graph.initializer[0].dims[:] = [1 << 40, 3, 3, 3]
    four, kernel = convolution(channels=4)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["before"], ["after"]),
        ],
        "forever",
        [
            helper.make_tensor_value_info("count", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["", "yes", "image"], ["end"], body=body)
    return {
        "custom operations": (
            network([custom], opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("evil.ops", 1)]),
            r"needs operations that ONNX Runtime lacks: evil.ops.Steal; export it without",
        ),
        "two inputs": (two, r"takes 2 inputs \(image, mask\), expected one image"),
        "a vector": (network([relu], image=("n", 64)), r"takes 'image', float \[\?×64\], expected an image with four"),
        "four channels": (network([four], kernel, image=("n", 4, 8, 8)), r"images of 4 channels, expected 1 or 3"),
        "unknown channels": (network([relu], image=("n", "c", "h", "w")), r"does not say which axis"),
        "a huge tensor": (network([constant, total, added], large), r"cannot be run on an image of 8×8|more memory"),
        "wrong sizes": (declared, r"damaged|cannot be run|takes images of"),
        "eight at once": (
            network(
                [node, helper.make_node("Reshape", ["end", "shape"], ["flat"])],
                weights | {"shape": np.array([8, -1])},
                (8, 3, 8, 8),
            ),
            r"expected numbers with the batch first|cannot be run|8 images at once",
        ),
        "nothing": (onnx.ModelProto(), r"holds no network"),
        "no end": (network([loop], {"yes": np.array(True)}), r"takes too long"),
    }


@pytest.mark.parametrize("case", [name for name in _hostile() if name != "no end"])
def test_what_cannot_be_used_is_a_line(case, tmp_path):
    model, line = _hostile()[case]
    path = tmp_path / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArgumentError, match=line) as caught:
        Onnx(str(path)).features((8, 8, 3), ["flat" if case == "eight at once" else "end"])
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.slow
def test_a_network_without_end_is_stopped(tmp_path):
    test_what_cannot_be_used_is_a_line("no end", tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x08\x08" * 9, b"PK\x03\x04", None])
def test_what_is_no_onnx_file_is_a_line(content, tmp_path):
    path = tmp_path / "a\nfile.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArgumentError) as caught:
        _ = Onnx(str(path)).channels
    assert "\n" not in str(caught.value) and r"a\nfile.onnx" in str(caught.value)


def test_unknown_taps_get_the_nearest_and_losses_a_reason():
    backbone = Onnx(str(NETWORKS / "convolutional_dynamo.onnx"))
    with pytest.raises(ValueError, match=r"unknown tap 'relu_9' of onnx; nearest: relu_.*convolutional_dynamo.onnx"):
        backbone.features((SIDE, SIDE, 3), ["relu_9"])
    with pytest.raises(ValueError, match=r"32×32 pixels alone"):
        backbone.features((SIDE, SIDE + 8, 3), ["relu_1"])
    model = backbone.features((SIDE, SIDE, 3), ["relu_1"])
    with tf.GradientTape() as tape:
        image = tf.Variable(images(1))
        total = tf.reduce_sum(first(model, image))
    with pytest.raises(ValueError, match=r"no gradients"):
        tape.gradient(total, image)


def outcomes(path, tap, folder):
    """What came of 300 damaged copies of a network."""
    script = pathlib.Path(__file__).with_name("network_mutants.py")
    done = subprocess.run(
        [sys.executable, script, path, tap], cwd=folder, capture_output=True, text=True, check=True, timeout=300
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert sum(found.values()) == 300
    return found


@pytest.mark.parametrize("name", ["convolutional_dynamo", pytest.param("transformer_script", marks=pytest.mark.slow)])
def test_300_damaged_copies(name, tmp_path):
    """In the limited process, whose end by a signal is a line as well."""
    found = outcomes(NETWORKS / f"{name}.onnx", list(TAPS[name])[-1], tmp_path)
    assert set(found) - {f"signal {number}" for number in (6, 9, 11, 24)} == {"values", "line"}, found


@pytest.mark.parametrize(("number", "line"), [(6, "is damaged"), (11, "is damaged"), (24, "takes too long")])
def test_a_process_that_breaks_down_is_a_line(number, line, monkeypatch):
    run = subprocess.run
    script = f"import os; os.kill(os.getpid(), {number})"
    monkeypatch.setattr(subprocess, "run", lambda _, **options: run([sys.executable, "-c", script], **options))
    with pytest.raises(ArgumentError, match=line):
        _ = Onnx(str(NETWORKS / "transformer_script.onnx")).channels


def test_missing_packages_are_a_line(monkeypatch):
    monkeypatch.setattr(process, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"needs onnx and onnxruntime: .*\[export\]"):
        _ = Onnx(str(NETWORKS / "transformer_script.onnx")).channels


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "huge"])
def test_only_regular_files_of_some_size_are_opened(kind, tmp_path):
    path = tmp_path / "net.onnx"
    if kind == "huge":
        path.touch()
        os.truncate(path, 1 << 40)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path) if kind == "fifo" else path.mkdir()
    with pytest.raises(ArgumentError, match=r"is not a regular file|more than"):
        _ = Onnx(str(path)).channels
