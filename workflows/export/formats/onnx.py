"""ONNX: one file a part, for ONNX Runtime and the many tools that read it."""

PRECISIONS = {"float32": {"difference": 1e-4}}
PACKAGES = ("tf2onnx", "onnx", "onnxruntime")
HOLDS_BYTES = False
HOLDS_SEARCH = False

# Of 2022: old enough for every runtime in use.
_OPSET = 18
_RESIZES = ("bilinear", "nearest", "bicubic")
_IMAGE, _RECONSTRUCTION = "image", "reconstruction"


def location(part, precision):
    """`onnx/encoder.onnx`."""
    return f"onnx/{part}.onnx"


def output_name(name, inputs):
    """Outputs keep their names, except an image after an image: ONNX allows no output with the name of an input."""
    return _RECONSTRUCTION if name == _IMAGE and _IMAGE in inputs else name


def write(part, path, precision, calibration=()):
    """Converts the signature that takes arrays."""
    import onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from workflows.export.onnx_networks import converted
    from workflows.export.parts import traced

    frozen = convert_variables_to_constants_v2(traced(part.main))
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (frozen.inputs, frozen.outputs))
    model = converted(frozen.graph.as_graph_def(), part.name, inputs, outputs, _OPSET)
    # tf2onnx cannot rename an input to the name of a node. A graph's outputs are sorted by name.
    wanted = [tensor.name for tensor in part.main.inputs]
    results = [output_name(name, wanted) for name in sorted(tensor.name for tensor in part.main.outputs)]
    _rename(model.graph, dict(zip([*inputs, *outputs], [*wanted, *results])))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, path)


def _rename(graph, names):
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def advice(layer):
    """Layers that tf2onnx does not convert."""
    if "Transpose" in type(layer).__name__ and min(layer.kernel_size) < max(layer.strides):
        return f"give it a kernel_size of at least its strides, {max(layer.strides)}"
    if getattr(layer, "groups", 1) > 1:
        return "use groups: 1, or SeparableConv2D"
    if getattr(layer, "antialias", False) or getattr(layer, "interpolation", "nearest") not in _RESIZES:
        return "use interpolation: bilinear, nearest or bicubic without antialias"
    return None


def load(path):
    """Opens a part with ONNX Runtime alone."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    meant = [_IMAGE if name == _RECONSTRUCTION else name for name in names]

    def call(signature, inputs):
        return dict(zip(meant, session.run(names, dict(inputs))))

    return call
