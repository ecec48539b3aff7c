"""LiteRT, formerly TensorFlow Lite: one file a part, for phones, browsers and microcontrollers."""

PRECISIONS = {"float32": {"difference": 1e-4}, "float16": {"loss": 0.1}, "int8": {"loss": 1.0}}
PACKAGES = ("ai-edge-litert",)
HOLDS_BYTES = False
HOLDS_SEARCH = False


def location(part, precision):
    """`litert/encoder.tflite`, `litert/encoder-int8.tflite`."""
    return f"litert/{part}.tflite" if precision == "float32" else f"litert/{part}-{precision}.tflite"


def output_name(name, inputs):
    """Outputs keep their names."""
    return name


def write(part, path, precision, calibration=()):
    """Converts the signature that takes arrays.

    float16 halves the size of weights and computes in float32. int8 quarters it and computes in integers, whose ranges
    come from the calibration images; inputs and outputs stay float32.
    """
    import tempfile
    from dataclasses import replace

    import tensorflow as tf

    from workflows.export.formats import savedmodel

    signature = part.main.name
    with tempfile.TemporaryDirectory() as folder:
        savedmodel.write(replace(part, signatures=(part.main,)), folder, "float32")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[signature])
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            # The newer quantizer breaks a backbone's preprocessing: codes of VGG-16 were wrong by 80 %.
            converter.experimental_new_quantizer = False
            converter.representative_dataset = lambda: ((signature, dict(inputs)) for inputs in calibration)
        path.write_bytes(converter.convert())


def advice(layer):
    """Mostly: LiteRT resizes only bilinear and nearest."""
    if getattr(layer, "antialias", False):
        return "leave antialias out"
    if getattr(layer, "interpolation", "bilinear") not in ("bilinear", "nearest"):
        return "use interpolation: bilinear or nearest"
    return None


def load(path):
    """Opens a part with LiteRT's interpreter alone."""
    import os

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
    runners = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}

    def call(signature, inputs):
        # Copied, because the next call reuses the interpreter's memory.
        return {name: value.copy() for name, value in runners[signature](**inputs).items()}

    return call
