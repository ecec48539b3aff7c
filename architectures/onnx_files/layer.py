"""The Keras layer that runs a cut ONNX network."""

import itertools
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import keras
import numpy as np
import tensorflow as tf

# A graph has only an operation that calls back to Python; its name leads to the layer.
NAME = "onnx_network_"
_layers: WeakValueDictionary[int, "OnnxNetwork"] = WeakValueDictionary()
_numbers = itertools.count()
_NO_LOGS = 4


def layer_of(operation: str) -> "OnnxNetwork":
    """The layer that an operation of a TensorFlow graph calls, by the operation's name."""
    return _layers[int(operation.rpartition(NAME)[2].partition("_")[0])]


@keras.saving.register_keras_serializable("retrace")
class OnnxNetwork(keras.layers.Layer):
    """A cut network in ONNX Runtime: on a GPU where the installed runtime has one, else on all cores.

    Its only variable is a digest: the network's values belong to the runtime.

    Args:
        model: The network, as `cut.Network.cut` writes it.
        shapes: Of one image's activations, in the order of the outputs.
        digest: sha256 of the file that it was cut from, in hexadecimal.
        parameters: How many values it has up to its outputs.
        multiply_adds: What one image costs in it.

    Call:
        image: float32 [batch, height, width, channels].
        Returns a list of float32 [batch, …], maps with their channels last.
    """

    def __init__(
        self,
        model: bytes,
        shapes: Sequence[Sequence[int]],
        digest: str,
        parameters: int = 0,
        multiply_adds: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**{"trainable": False, "dtype": "float32", "autocast": False, **kwargs})
        self.model, self.shapes = model, [tuple(shape) for shape in shapes]
        self.parameters, self.multiply_adds = parameters, multiply_adds
        values = np.frombuffer(bytes.fromhex(digest), np.uint8)
        self.digest = self.add_weight(
            name="digest",
            shape=values.shape,
            dtype="uint8",
            initializer=lambda shape, dtype=None: keras.ops.convert_to_tensor(values),
            trainable=False,
        )
        self._session = _session(model)
        self._number = next(_numbers)
        _layers[self._number] = self
        self._outputs = tf.custom_gradient(self._run)

    def compute_output_spec(self, image):
        return [keras.KerasTensor((image.shape[0], *shape), dtype="float32") for shape in self.shapes]

    def call(self, image):
        outputs = self._outputs(image)
        for output, shape in zip(outputs, self.shapes):
            output.set_shape((image.shape[0], *shape))
        return outputs

    def count_params(self):
        return self.parameters

    def _run(self, image: tf.Tensor) -> tuple[list[tf.Tensor], Any]:
        outputs = tf.numpy_function(
            self._compute, [image], [tf.float32] * len(self.shapes), stateful=False, name=f"{NAME}{self._number}"
        )

        def gradient(*_: tf.Tensor) -> None:
            raise ValueError("ONNX Runtime has no gradients, which a loss needs; use the network as encoder or metric")

        return keras.tree.flatten(outputs), gradient  # one output is no list

    def _compute(self, image: np.ndarray) -> list[np.ndarray]:
        if not len(image):
            return [np.zeros((0, *shape), np.float32) for shape in self.shapes]
        from architectures.onnx_files.cut import IMAGE

        return self._session.run(None, {IMAGE: image})


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _NO_LOGS
    # Between two steps its threads would spin while TensorFlow computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    offered = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in offered]
    return onnxruntime.InferenceSession(model, options, providers=providers)
