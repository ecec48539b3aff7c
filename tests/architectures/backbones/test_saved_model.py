"""SavedModels: activations equal those of the program that wrote them; nothing but computation is run."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from architectures.backbones.base import ArgumentError
from architectures.backbones.saved_model import SavedModel
from architectures.features import FeatureExtractor
from architectures.weights.digest import weights_hash
from tests.architectures.backbones.test_onnx import outcomes

SIDE = 24


def images(count=3, side=SIDE, channels=3):
    return np.random.default_rng(1).random((count, side, side, channels), np.float32)


def first(model, images):
    """The first output of a model, which is no list where it is the only one."""
    return keras.tree.flatten(model(images))[0]


class Plain(tf.Module):
    """Variables without names, nested functions, a dictionary of outputs, an unused function that writes a file."""

    def __init__(self):
        generator = np.random.default_rng(0)
        draw = lambda *shape: tf.Variable(generator.normal(size=shape).astype(np.float32) / 4)  # noqa: E731
        self.kernels, self.dense = [draw(3, 3, 3, 8), draw(3, 3, 8, 6)], {"head": draw(6, 4)}

    @tf.function
    def block(self, x, kernel):
        return tf.nn.relu(tf.nn.conv2d(x, kernel, 2, "SAME"), name="block_relu")

    @tf.function
    def encode(self, image):
        x = self.block(image, self.kernels[0])
        x = tf.cond(
            tf.shape(image)[0] > 0, lambda: self.block(x, self.kernels[1]), lambda: self.block(x, self.kernels[1])
        )
        return {"map": x, "vector": tf.reduce_mean(x, (1, 2)) @ self.dense["head"]}

    def save(self, path, shape=(None, None, None, 3), dtype=tf.float32, **options):
        call = tf.function(lambda image: self.encode(tf.cast(image, tf.float32) / (255 if dtype == tf.uint8 else 1)))
        signature = call.get_concrete_function(image=tf.TensorSpec(shape, dtype, "image"))
        tf.saved_model.save(self, str(path), signatures=signature, **options)
        return SavedModel(str(path))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """(module, its SavedModel)."""
    module = Plain()
    return module, module.save(tmp_path_factory.mktemp("plain") / "a model")


def test_plain_tensorflow(plain):
    module, backbone = plain
    assert (backbone.channels, backbone.input_size, backbone.differentiable) == (3, None, True)
    taps = {tap.name: tap for tap in backbone.taps((SIDE, 32, 3))}
    assert (taps["block_relu"].shape, taps["block_relu"].stride) == ((12, 16, 8), 2)
    assert not [name for name in taps if name.startswith("StatefulPartitionedCall/StatefulPartitionedCall")], list(taps)
    assert (taps["map"].shape, taps["map"].stride, taps["vector"].shape) == ((6, 8, 6), taps["map"].stride, (4,))
    model = backbone.features((SIDE, 32, 3), ["block_relu", "vector", "map"])
    sample = np.random.default_rng(2).random((3, SIDE, 32, 3), np.float32)
    inner, vector, last = model(sample)
    expected = module.encode(sample)
    np.testing.assert_allclose(inner, module.block(sample, module.kernels[0]), atol=1e-5)
    np.testing.assert_allclose(vector, expected["vector"], atol=1e-5)
    np.testing.assert_allclose(last, expected["map"], atol=1e-5)
    assert model.trainable_variables == [] and [output.shape[1:] for output in model.outputs] == [
        (12, 16, 8),
        (4,),
        (6, 8, 6),
    ]
    with tf.GradientTape() as tape:
        image = tf.Variable(sample)
        total = tf.reduce_sum(model(image)[2] ** 2)
    with tf.GradientTape() as own:
        reference = tf.reduce_sum(module.encode(image)["map"] ** 2)
    np.testing.assert_allclose(tape.gradient(total, image), own.gradient(reference, image), atol=1e-4)


def test_keras_exports(tmp_path):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    entering = keras.Input((SIDE, SIDE, 1))
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="swish", name="convolved")(entering)
    x = layers.BatchNormalization(name="norm")(layers.DepthwiseConv2D(3, name="depthwise")(x))
    x = layers.Reshape((-1, 6), name="tokens")(x)
    x = layers.LayerNormalization(name="normed")(
        layers.Add()([x, layers.MultiHeadAttention(2, 3, name="attended")(x, x)])
    )
    network = keras.Model(entering, layers.Dense(5, name="logits")(layers.GlobalAveragePooling1D(name="mean")(x)))
    network.export(tmp_path / "k", verbose=False)
    backbone = SavedModel(str(tmp_path / "k"))
    taps = backbone.taps((SIDE, SIDE, 1))
    assert (backbone.channels, backbone.input_size) == (1, (SIDE, SIDE)) and all(None not in tap.shape for tap in taps)
    sample = images(channels=1)
    found = backbone.features((SIDE, SIDE, 1), [tap.name for tap in taps])(sample)
    for layer in network.layers[1:]:
        values = np.asarray(keras.Model(entering, layer.output)(sample))
        near = [np.abs(tap - values).max() for tap in found if tap.shape == values.shape]
        assert near and min(near) < 1e-5, layer.name
    strides = {tap.name.rpartition("/")[2]: tap.stride for tap in taps if len(tap.shape) == 3}
    assert strides["convolution"] == strides["depthwise"] == 2


def test_a_trained_keras_model_in_a_module(tmp_path):
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
    network.add(keras.layers.Dense(2, name="logits"))
    network.compile("adam", "mse")
    network.fit(images(4, 8), np.ones((4, 2)), verbose=0)
    module = tf.Module()
    module.network = network  # with its optimizer, whose list of variables the checkpoint names first
    call = tf.function(lambda image: {"logits": network(image)}, autograph=False)
    signature = call.get_concrete_function(tf.TensorSpec((None, 8, 8, 3), tf.float32, "image"))
    tf.saved_model.save(module, str(tmp_path), signatures=signature)
    found = first(SavedModel(str(tmp_path)).features((8, 8, 3), ["logits"]), images(3, 8))
    np.testing.assert_allclose(found, network.predict(images(3, 8), verbose=0), atol=1e-5)


def test_tensorflow_1(tmp_path):
    """Reference variables or resources in the graph itself, a saver of its own, tags of TensorFlow Hub."""
    for resources, tags in ((False, ["serve"]), (True, [])):
        folder = tmp_path / f"v1 {resources}"
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.set_random_seed(0)
            image = tf.compat.v1.placeholder(tf.float32, (None, SIDE, SIDE, 3), "image")
            training = tf.compat.v1.placeholder_with_default(False, (), "training")
            kernel = tf.compat.v1.get_variable("kernel", (3, 3, 3, 7), use_resource=resources)
            x = tf.nn.relu(tf.nn.conv2d(image, kernel, 2, "SAME"), name="block/relu")
            x = tf.compat.v1.cond(training, lambda x=x: x * 0.0, lambda x=x: x + 1.0)
            pooled = tf.reduce_mean(x, (1, 2), name="pooled")
            session.run(tf.compat.v1.global_variables_initializer())
            expected = session.run(pooled, {image: images()})
            inner = session.run("block/relu:0", {image: images()})
            builder = tf.compat.v1.saved_model.Builder(str(folder))
            signature = tf.compat.v1.saved_model.predict_signature_def(
                {"image": image, "training": training}, {"features": pooled}
            )
            builder.add_meta_graph_and_variables(session, tags, {"default": signature})
            builder.save()
        model = SavedModel(str(folder), "default").features((SIDE, SIDE, 3), ["features", "block/relu"])
        found = model(images())
        np.testing.assert_allclose(found[0], expected, atol=1e-5)
        np.testing.assert_allclose(found[1], inner, atol=1e-5)


def test_bytes_and_a_fixed_batch(plain, tmp_path):
    module, _ = plain
    backbone = module.save(tmp_path / "bytes", (1, SIDE, SIDE, 3), tf.uint8)
    assert backbone.input_size == (SIDE, SIDE)
    features = FeatureExtractor("saved_model", ["map"], (SIDE, SIDE, 3), arguments={"path": backbone.path})
    sample = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.float32) / 255
    np.testing.assert_allclose(features.taps_model(sample)[0], module.encode(sample)["map"], atol=1e-5)


def test_a_network_for_one_image_computes_a_batch_image_by_image(tmp_path):
    module = tf.Module()
    module.kernel = tf.Variable(np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3))])
    def call(image):
        return tf.reshape(tf.nn.conv2d(image, module.kernel, 1, "SAME"), (1, -1))

    tf.saved_model.save(module, str(tmp_path / "one"), signatures=call)
    model = SavedModel(str(tmp_path / "one")).features((8, 8, 3), ["output_0"])
    sample = images(side=8)
    expected = tf.reshape(tf.nn.conv2d(sample, module.kernel, 1, "SAME"), (3, -1))
    np.testing.assert_allclose(first(model, sample), expected, atol=1e-5)


def test_random_values_are_the_seeds_and_weights_are_hashed(plain):
    _, backbone = plain

    def build(*arguments):
        model = backbone.features((SIDE, SIDE, 3), ["map"], *arguments)
        return first(model, images()).numpy(), weights_hash(model.variables)

    trained, digest = build()
    random, other = build("none", 3)
    assert np.abs(random - trained).max() > 0.01 and digest != other and build()[1] == digest
    np.testing.assert_array_equal(random, build("none", 3)[0])
    with pytest.raises(ValueError, match=r"has its values in its own file"):
        build("imagenet")


def changed(folder, target, change):
    """A copy of a SavedModel with another saved_model.pb."""
    shutil.copytree(folder, target)
    found = saved_model_pb2.SavedModel.FromString((target / "saved_model.pb").read_bytes())
    change(found)
    (target / "saved_model.pb").write_bytes(found.SerializeToString())
    return SavedModel(str(target))


def _without_a_function(found):
    # All that convolve: which of them the signature calls differs from one saving to the next.
    library = found.meta_graphs[0].graph_def.library
    kept = [item for item in library.function if not any(node.op == "Conv2D" for node in item.node_def)]
    del library.function[:]
    library.function.extend(kept)


def _endless(found):
    library = found.meta_graphs[0].graph_def.library
    for function in library.function:
        for node in function.node_def:
            if node.op in ("StatefulPartitionedCall", "PartitionedCall"):
                node.attr["f"].func.name = function.signature.name


def _huge(found):
    for function in found.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "Conv2D":
                size = function.node_def.add(op="Const", name="size")
                size.attr["dtype"].type = 3
                size.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([1 << 20, 1 << 20], tf.int32))
                zero = function.node_def.add(op="Const", name="zero")
                zero.attr["dtype"].type = 1
                zero.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(0.0))
                fill = function.node_def.add(op="Fill", name="fill", input=["size:output:0", "zero:output:0"])
                fill.attr["T"].type, fill.attr["index_type"].type = 1, 3
                node.input.append("^fill")


def _operation(name):
    def change(found):
        for function in found.meta_graphs[0].graph_def.library.function:
            for node in function.node_def:
                if node.op == "Relu":
                    node.op = name

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_without_a_function, r"lacks the function '__inference_"),
        (_endless, r"calls itself"),
        (_huge, r"needs more memory than RETRACE_MEMORY_BUDGET allows"),
        *(
            (_operation(name), rf"holds the operation {name}, which is not among")
            for name in ("ReadFile", "PyFunc", "While", "RestoreV2")
        ),
        (lambda found: found.meta_graphs.pop(), r"holds no graph"),
        (lambda found: found.meta_graphs[0].graph_def.ClearField("node"), r"its graph lacks"),
        (lambda found: found.meta_graphs[0].signature_def.clear(), r"has no signatures"),
    ],
)
def test_hostile_graphs_are_a_line(change, line, plain, tmp_path):
    backbone = changed(plain[1].path, tmp_path / "hostile", change)
    with pytest.raises(ArgumentError, match=line) as caught:
        backbone.features((SIDE, SIDE, 3), ["map"])
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_files_are_read_beneath_the_folder_alone(plain, tmp_path):
    outside = tmp_path / "outside"
    shutil.copytree(plain[1].path, outside)
    linked = tmp_path / "linked"
    shutil.copytree(plain[1].path, linked)
    data = next((linked / "variables").glob("variables.data*"))
    data.unlink()
    data.symlink_to(outside / "variables" / data.name)
    with pytest.raises(ArgumentError, match=r"is a link out of the folder"):
        SavedModel(str(linked)).features((SIDE, SIDE, 3), ["map"])
    shutil.rmtree(outside / "variables")
    with pytest.raises(ArgumentError, match=r"its variables cannot be read"):
        SavedModel(str(outside)).features((SIDE, SIDE, 3), ["map"])


def test_mistakes_are_a_line(plain, tmp_path):
    _, backbone = plain
    for path, line in ((tmp_path / "nothing", "no such folder"), (tmp_path, "holds no saved_model.pb")):
        with pytest.raises(ArgumentError, match=line):
            _ = SavedModel(str(path)).channels
    with pytest.raises(
        ArgumentError, match=r"no signature 'serving_defualt'; did you mean 'serving_default'\?"
    ) as caught:
        _ = SavedModel(backbone.path, "serving_defualt").channels
    assert caught.value.argument == "signature"
    with pytest.raises(ValueError, match=r"unknown tap 'block_rel' of saved_model; nearest: block_relu"):
        backbone.features((SIDE, SIDE, 3), ["block_rel"])
    module = tf.Module()
    call = tf.function(lambda image, mask: image * mask)
    shapes = {"image": tf.TensorSpec((None, 8, 8, 3)), "mask": tf.TensorSpec((None, 8, 8, 1))}
    tf.saved_model.save(module, str(tmp_path / "two"), signatures=call.get_concrete_function(**shapes))
    with pytest.raises(ArgumentError, match=r"takes 2 inputs \(image, mask\), expected one image"):
        _ = SavedModel(str(tmp_path / "two")).channels


def test_300_damaged_copies(plain, tmp_path):
    """In its own process, as the trainer opens it: no crash, no error but a line."""
    found = outcomes(plain[1].path, "map", tmp_path)
    assert set(found) == {"values", "line"}, found
