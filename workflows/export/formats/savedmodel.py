"""TensorFlow's SavedModel: supports every layer, every signature, and loops."""

PRECISIONS = {"float32": {"difference": 1e-5}}
PACKAGES = ("tensorflow",)
HOLDS_BYTES = True
HOLDS_SEARCH = True


def location(part, precision):
    """A folder beside the manifest."""
    return part


def output_name(name, inputs):
    """Outputs keep their names."""
    return name


def write(part, path, precision, calibration=()):
    """Writes all signatures of a part and the default. Each is also a method of what `tf.saved_model.load` returns."""
    import tensorflow as tf

    from workflows.export.parts import traced

    module = tf.Module()
    graphs = {signature.name: traced(signature) for signature in part.signatures}
    same = (part.default.inputs, part.default.outputs) == (part.main.inputs, part.main.outputs)
    graphs[part.default.name] = graphs[part.main.name] if same else traced(part.default)
    # Only variables that the graphs read: no optimizer, no discriminator, no other part.
    module.weights = list({id(v): v for graph in graphs.values() for v in graph.variables}.values())
    for name, graph in graphs.items():
        setattr(module, name, graph)
    tf.saved_model.save(module, str(path), signatures=graphs)


def advice(layer):
    """None: every layer is supported."""
    return


def load(path):
    """Opens a part with TensorFlow alone."""
    import tensorflow as tf

    loaded = tf.saved_model.load(path)

    def call(signature, inputs):
        outputs = loaded.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    return call
