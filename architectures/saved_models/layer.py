"""The Keras layer that computes some tensors of a TensorFlow graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from architectures.saved_models.saved_model_file import Refused, reason_of

# Two images at once and each alone: the last bits of a product depend on the batch, and half precision has 11.
_SAME = 2e-2


class FrozenGraph(keras.layers.Layer):
    """Some tensors of a TensorFlow graph, whose large constants are weights.

    Args:
        graph: A GraphDef, with a placeholder for each weight.
        image: Node of the input.
        tensors: Names of the outputs.
        weights: Node → its value.
        dtype_of_image: What the graph takes.
        channels_first: Whether it takes [n, c, h, w].
        digest: sha256 of the file that it is from, in hexadecimal.

    Call:
        image: float32 [batch, height, width, channels], in the values that the graph takes.
        Returns a list of float32 [batch, …].
    """

    multiply_adds = 0
    shapes: Sequence[tuple[int, ...]] = ()

    def __init__(
        self,
        graph: Any,
        image: str,
        tensors: Sequence[str],
        weights: Mapping[str, np.ndarray],
        dtype_of_image: tf.DType,
        channels_first: bool,
        digest: str,
        name: str = "saved_model",
    ):
        super().__init__(name=name, trainable=False, dtype="float32", autocast=False)
        self._alone, self._image_dtype, self._channels_first = False, dtype_of_image, channels_first
        wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
        places = [f"{image}:0", *(f"{name}:0" for name in weights)]
        self._function = wrapped.prune(
            [wrapped.graph.get_tensor_by_name(place) for place in places],
            [wrapped.graph.get_tensor_by_name(tensor) for tensor in tensors],
        )
        self._values = [self._constant(f"weight_{index}", value) for index, value in enumerate(weights.values())]
        self.parameters = sum(value.size for value in weights.values())
        # A graph can change where its weights do not.
        self._constant("digest", np.frombuffer(bytes.fromhex(digest), np.uint8))

    def _constant(self, name: str, value: np.ndarray) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=value.shape,
            dtype=value.dtype.name,
            initializer=lambda shape, dtype=None: tf.constant(value),
            trainable=False,
        )

    def measured(self, sides: Sequence[int]) -> list[tuple[int, ...]]:
        """Shapes of one image's outputs; decides whether images are computed one by one.

        Raises:
            Refused: The graph cannot compute images of this shape.
        """
        images = tf.constant(np.random.default_rng(0).random((2, *sides), np.float32))
        try:
            first = self._computed(images[:1])
        except Exception as error:  # a damaged graph raises any error in TensorFlow
            raise Refused(f"cannot be run on an image of {sides[0]}×{sides[1]} ({reason_of(error)})") from None
        shapes = [tuple(output.shape[1:]) for output in first]
        if any(output.shape[0] != 1 for output in first):
            raise Refused(f"gives {first[0].shape} for one image, expected the batch first")
        try:
            both = self._computed(images)
            self._alone = any(
                pair.shape != (2, *shape) or not np.allclose(pair[:1], one, rtol=0, atol=_SAME * np.abs(one).max())
                for pair, one, shape in zip(both, first, shapes)
            )
        except (tf.errors.OpError, ValueError):
            self._alone = True
        return shapes

    def compute_output_spec(self, image):
        return [keras.KerasTensor((image.shape[0], *shape), dtype="float32") for shape in self.shapes]

    def call(self, image):
        if self._alone:
            kinds = [tf.TensorSpec(shape, tf.float32) for shape in self.shapes]
            outputs = tf.map_fn(
                lambda one: [output[0] for output in self._computed(one[tf.newaxis])], image, fn_output_signature=kinds
            )
        else:
            outputs = self._computed(image)
        for output, shape in zip(outputs, self.shapes):
            output.set_shape((image.shape[0], *shape))
        return outputs

    def _computed(self, image: tf.Tensor) -> list[tf.Tensor]:
        image = tf.convert_to_tensor(image)
        if self._channels_first:
            image = tf.transpose(image, (0, 3, 1, 2))
        image = tf.cast(tf.round(image) if self._image_dtype == tf.uint8 else image, self._image_dtype)
        outputs = self._function(image, *(tf.convert_to_tensor(weight.value) for weight in self._values))
        return [tf.cast(output, tf.float32) for output in keras.tree.flatten(outputs)]
