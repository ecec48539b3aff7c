"""Maps are returned with their channels last, wherever they are in a network and whatever order it computes in."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from architectures.backbones.onnx import Onnx

SIZE = (8, 12)


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs.split(), [output], **attributes)


# Outputs are called first_… where ONNX computes them with channels second, and last_… with channels last.
NODES = [
    node("Conv", "image kernel", "first_conv", pads=[1, 1, 1, 1]),
    # Group normalisation, as PyTorch writes it: what it is follows from the convolution after it alone.
    node("Reshape", "first_conv groups", "grouped"),
    node("InstanceNormalization", "grouped ones zeros", "normal"),
    node("Shape", "first_conv", "shape"),
    node("Reshape", "normal shape", "first_back"),
    node("Mul", "first_back weights", "first_scaled"),
    node("Conv", "first_scaled kernel2", "first_strided", strides=[2, 2]),
    # A dense layer on channels last, as ConvNeXt has it.
    node("Transpose", "first_strided", "last_turned", perm=[0, 2, 3, 1]),
    node("LayerNormalization", "last_turned scale", "last_normed"),
    node("MatMul", "last_normed dense", "last_dense"),
    node("Erf", "last_dense", "last_active"),
    node("Transpose", "last_active", "first_turned", perm=[0, 3, 1, 2]),
    node("Add", "first_turned first_strided", "first_added"),
    # Squeeze and excite through a vector.
    node("ReduceMean", "first_added", "vector", axes=[2, 3], keepdims=0),
    node("Unsqueeze", "vector axes", "first_gate"),
    node("Sigmoid", "first_gate", "first_opened"),
    node("Mul", "first_added first_opened", "first_excited"),
    node("Resize", "first_excited none scales", "first_larger", mode="nearest"),
    node("Concat", "first_larger first_larger", "first_joined", axis=1),
    # Swapped sides are set right.
    node("Transpose", "first_joined", "swapped", perm=[0, 1, 3, 2]),
]


def test_every_map_of_a_mixed_network(tmp_path):
    generator = np.random.default_rng(0)
    draw = lambda *shape: generator.normal(size=shape).astype(np.float32)  # noqa: E731
    weights = {
        "kernel": draw(6, 3, 3, 3),
        "kernel2": draw(6, 6, 2, 2),
        "groups": np.array([0, 2, -1]),
        "ones": np.ones(2, np.float32),
        "zeros": np.zeros(2, np.float32),
        "weights": draw(6, 1, 1),
        "scale": draw(6),
        "dense": draw(6, 6),
        "axes": np.array([2, 3]),
        "none": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    names = [item.output[0] for item in NODES if item.output[0] != "shape"]
    graph = helper.make_graph(
        NODES,
        "mixed",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, *SIZE])],
        [helper.make_empty_tensor_value_info(name) for name in names],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "mixed.onnx").write_bytes(model.SerializeToString())
    images = generator.random((3, *SIZE, 3), np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = dict(zip(names, session.run(names, {"image": images.transpose(0, 3, 1, 2)})))
    expected["swapped"] = expected["swapped"].transpose(0, 1, 3, 2)

    backbone = Onnx(str(tmp_path / "mixed.onnx"))
    taps = {tap.name: tap for tap in backbone.taps((*SIZE, 3))}
    assert set(taps) == set(names)
    found = backbone.features((*SIZE, 3), names)(images)
    for name, values in zip(names, found):
        wanted = expected[name]
        if name.startswith("first") or name == "swapped":
            wanted = wanted.transpose(0, 2, 3, 1)
        assert taps[name].shape == wanted.shape[1:], name
        np.testing.assert_allclose(values, wanted, atol=1e-4, err_msg=name)
    strides = {name: taps[name].stride for name in ("first_conv", "first_strided", "last_dense", "first_larger")}
    assert strides == {"first_conv": 1, "first_strided": 2, "last_dense": 2, "first_larger": 1}
    # Cut alone, without what follows it, a tap is the same.
    [alone] = [backbone.features((*SIZE, 3), ["first_back"])(images)]
    np.testing.assert_allclose(
        np.reshape(alone, (3, *SIZE, 6)), expected["first_back"].transpose(0, 2, 3, 1), atol=1e-4
    )
