"""ModelBuilder: a spec → a compiled reconstructor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from architectures.losses.adversarial import Adversarial
from architectures.reconstructors.autoencoder import Autoencoder
from architectures.reconstructors.backbone_inverter import BackboneInverter
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.embedding_decoder import EmbeddingDecoder
from architectures.reconstructors.latent_decoder import LatentDecoder
from architectures.stacks.stack import expand_architecture
from builders.adversary_builder import build_adversary
from builders.calibration import calibrate, training_split
from builders.dataset_builder import Splits
from builders.embeddings import open_embeddings
from builders.feature_builder import build_features, build_fusion
from builders.layer_builder import Entry, LayerBuilder, as_choice, shape_text, written_out
from builders.objective_builder import build_metrics, build_terms
from builders.optimizer_builder import build_optimizer
from builders.precision import dtype_policy, resolve_precision
from builders.spec import Choice, Spec
from builders.trial import require_learning, try_out
from common.errors import RequestError


class ModelBuilder:
    """Compiles a spec into a subclassed Keras model.

    `ModelBuilder(spec).build(splits)` is ready to train. Without data, give the sizes: the model then takes the weights
    of a checkpoint, or shows its structure.

    Args:
        spec: The experiment.
        image_shape: (height, width, channels) of the images. Not needed with splits.
        steps_per_epoch: Turns durations in epochs into steps. Not needed with splits.
        weights: False builds the same network with random frozen weights and loads nothing, for `show`.
        train_count: Images of the training split: learned latents need a row for each. Not needed with splits.
        embedding_shape: Shape of a stored embedding. Unset: that of the splits, or of the spec's file.

    Attributes:
        remarks: Sentences on the built model that a user should read before training.
        tap_shapes: Shapes of the taps that are fused into the code; empty without a backbone.
    """

    def __init__(
        self,
        spec: Spec,
        image_shape: Sequence[int] = (),
        steps_per_epoch: int = 1,
        weights: bool = True,
        train_count: int = 1,
        embedding_shape: Sequence[int] = (),
    ):
        self.spec = spec
        self.image_shape = tuple(image_shape)
        self.steps_per_epoch = steps_per_epoch
        self.weights = weights
        self.train_count = train_count
        self.embedding_shape = tuple(embedding_shape)
        self.remarks: list[str] = []
        self.tap_shapes: Sequence[tuple[int, ...]] = ()
        self.layers = LayerBuilder(spec.training.optimizer.name)

    def build(self, splits: Splits | None = None, calibrated: bool = True) -> Reconstructor:
        """The reconstructor with its optimizer built.

        Args:
            splits: The spec's data, as DatasetBuilder builds it. Unset: the builder's own sizes count.
            calibrated: Measure tap scales and first latents on the training split. False where a checkpoint has them.

        Raises:
            RequestError: Some part cannot be built or parts do not fit; names the place in the spec.
            ValueError: There are neither splits nor an image shape.
        """
        if splits is not None:
            split = training_split(splits)
            self.image_shape = splits.image_shape
            self.steps_per_epoch, self.train_count = split.steps_per_epoch, split.count
            self.embedding_shape = splits.embedding_shape
        elif len(self.image_shape) != 3:
            raise ValueError(
                "ModelBuilder: received neither data nor an image shape; call build(splits), or give image_shape as "
                "(height, width, channels)"
            )
        self.model = self._build()
        if splits is not None and calibrated:
            self.remarks = calibrate(self.model, split, self.spec)
        return self.model

    def _build(self) -> Reconstructor:
        spec = self.spec
        # Initial weights come from the seed alone, not from what this process built before.
        keras.utils.set_random_seed(spec.seed)
        with dtype_policy(resolve_precision(spec.training.precision)):
            model_class: type[Reconstructor]
            parts: dict[str, Any]
            optimizers: dict[str, keras.optimizers.Optimizer] = {}
            if spec.encoder.kind == "backbone":
                features = build_features(spec.encoder, self.image_shape, spec.seed, self.weights, "encoder", "taps")
                residual = self._residual()
                fused = build_fusion(features, residual)
                code, self.tap_shapes = fused.output, features.fused_shapes
                if residual is not None and self.tap_shapes:
                    self.tap_shapes = [*self.tap_shapes, tuple(residual.output.shape[1:])]
                learns = "encoder.fuse.project" if fused.trainable_weights else ""
                model_class = BackboneInverter
                parts = {"features": features, "fuse_model": fused, "residual": residual}
                # What follows begins with the same weights as where the network's features are stored embeddings.
                keras.utils.set_random_seed(spec.seed)
            elif spec.encoder.kind == "layers":
                encoder = self._stack(keras.Input(self.image_shape), spec.encoder.layers, "encoder")
                code, learns = encoder.output, ""
                model_class, parts = Autoencoder, {"encoder": encoder}
            elif spec.encoder.embeddings is not None:
                self.embedding_shape = self.embedding_shape or open_embeddings(spec.encoder.embeddings).shape
                code, learns = keras.Input(self.embedding_shape, name="embedding"), ""
                model_class, parts = EmbeddingDecoder, {"embedding_shape": self.embedding_shape}
            else:
                latents = spec.encoder.latents
                code, learns = keras.Input((latents.dimensions,), name="latent"), "encoder.latents"
                model_class, parts = LatentDecoder, self._latents()
                where = "encoder.latents.optimizer"
                optimizers["latent_optimizer"] = build_optimizer(latents.optimizer, self.steps_per_epoch, where)
            code_stack = None
            if spec.code is not None and spec.code.layers:
                code_stack = self._stack(self.layers.continued(code, learns=learns), spec.code.layers, "code")
                code, learns = code_stack.output, ""
            decoder = self._decoder(self.layers.continued(code, "code", learns))
            terms = build_terms(spec, decoder.output, self.steps_per_epoch, self.weights)
            judging = [term for term in terms if isinstance(term.loss, Adversarial)]
            metrics = build_metrics(spec, self.image_shape, self.weights)
            adversary = None
            if judging:
                adversary = build_adversary(spec, judging[0], decoder, self.steps_per_epoch, self.weights, self.layers)
            model = model_class(
                image_shape=self.image_shape,
                decoder=decoder,
                code_stack=code_stack,
                losses=[term for term in terms if term not in judging],
                metrics=metrics,
                skip_bad_steps=spec.training.on_nan == "skip",
                adversary=adversary,
                name="reconstructor",
                **parts,
            )
            model.compile(
                optimizer=build_optimizer(spec.training.optimizer, self.steps_per_epoch, "training.optimizer"),
                code_optimizer=self._code_optimizer(code_stack),
                # With XLA operations are not deterministic, so that `auto` leaves it off.
                jit_compile=spec.training.jit_compile is True,
                **optimizers,
            )
            self._require_trained(model)
            model.build_optimizers()
        return model

    def try_out(self, samples: Mapping[str, np.ndarray] | None = None) -> None:
        """Sends random images through the layers that `build` made, forward and backward, to find faults before a run.

        Args:
            samples: Some of the training split, as `Split.sample` returns them: where given, everything that is trained
                must receive a gradient from them.

        Raises:
            RequestError: A layer cannot take what it receives, mixes images or would never learn; names its place.
        """
        try_out(self.layers, self.spec.dataset.batch_size)
        if samples is not None:
            require_learning(self.model, samples, self.spec.encoder.latents, self.place_of)

    def place_of(self, variable: keras.Variable) -> str:
        """Path in the spec of what has a trained variable of the model."""
        if any(variable is other for other in self.model.image_variables):
            return "encoder.latents"
        return self.layers.place_of(variable) or "encoder.fuse.project"

    def _require_trained(self, model: Reconstructor) -> None:
        """Refuses an optimizer without variables to train."""
        if not model.trained_groups[0].variables:
            own = "decoder.layers" if self.spec.decoder.architecture is None else "decoder.architecture"
            raise RequestError(
                f"{own}: nothing is trained that training.optimizer would move; remove trainable: false from a layer, "
                "or add one with weights, such as Dense or Conv2D"
            )

    def _residual(self) -> keras.Model | None:
        """The trainable branch beside a frozen network."""
        branch = self.spec.encoder.residual
        return None if branch is None else self._stack(keras.Input(self.image_shape), branch.layers, "encoder.residual")

    def _latents(self) -> dict[str, Any]:
        """LatentDecoder's own arguments."""
        latents = self.spec.encoder.latents
        held_out = latents.held_out
        return {
            "count": self.train_count,
            "dimensions": latents.dimensions,
            "constraint": latents.constraint,
            "l2": (latents.regularizer or {}).get("l2", 0.0),
            "held_out_optimizer": build_optimizer(held_out.optimizer, 1, "encoder.latents.held_out.optimizer"),
            "held_out_steps": held_out.steps,
            "held_out_restarts": held_out.restarts,
        }

    def _stack(self, tensor: Any, entries: Sequence[Choice], where: str) -> keras.Model:
        """A trainable stack with one output."""
        output = self.layers.through(self.layers.layers(entries, where, f"{where}.layers"), tensor)
        return keras.Model(tensor, output, name=where)

    def _decoder(self, code: Any) -> keras.Model:
        """The decoder: a model from the code to a dictionary of images, the last of the stack called `image`."""
        outputs: dict[str, Any] = {}
        trail = [shape_text(code.shape)]
        tensor = code
        place, stack = self._decoder_layers(code.shape[1:])
        for index, (where, choice) in enumerate(_images_in_float32(written_out(stack, place))):
            layer = self.layers.layer(choice, f"decoder_{index}_{choice.name.lower()}", where)
            if choice.name == "Output":
                outputs[layer.name] = self.layers.apply(layer, tensor)
                self._check_channels(outputs[layer.name], where)
                continue
            tensor = self.layers.apply(layer, tensor)
            trail.append(f"{choice.name} {shape_text(tensor.shape)}")
        if tuple(tensor.shape[1:]) != self.image_shape:
            raise RequestError(
                f"{place}: ends in {shape_text(tensor.shape)} but the image is "
                f"{shape_text((None, *self.image_shape))}; outputs of the layers: {' → '.join(trail)}"
            )
        return keras.Model(code, {"image": tensor, **outputs}, name="decoder")

    def _decoder_layers(self, code_shape: Sequence[int]) -> tuple[str, Sequence[Entry]]:
        """Path in the spec, and layers: those written out, or an architecture's for these shapes."""
        architecture = self.spec.decoder.architecture
        if architecture is None:
            return "decoder.layers", self.spec.decoder.layers
        place = f"decoder.architecture.{architecture.name}"
        try:
            layers = expand_architecture(
                architecture.name, architecture.arguments, tuple(code_shape), self.image_shape, self.tap_shapes
            )
        except (ValueError, OverflowError) as error:
            raise RequestError(f"{place}: {error}") from error
        return place, layers

    def _check_channels(self, output: Any, where: str) -> None:
        if len(output.shape) != 4 or output.shape[-1] != self.image_shape[-1]:
            raise RequestError(
                f"{where}: outputs {shape_text(output.shape)}, not an image of {self.image_shape[-1]} channels; "
                f"end it with a layer of {self.image_shape[-1]} filters"
            )

    def _code_optimizer(self, code_stack: keras.Model | None) -> keras.optimizers.Optimizer | None:
        """The code stack's own optimizer, where the spec has one."""
        choice = self.spec.code.optimizer if self.spec.code is not None else None
        if choice is None:
            return None
        if code_stack is None or not code_stack.trainable_variables:
            raise RequestError("code.optimizer: code.layers have nothing to train; remove it")
        if resolve_precision(self.spec.training.precision) == "mixed_float16":
            raise RequestError(
                "code.optimizer: mixed_float16 scales one loss for one optimizer; set training.precision to "
                "mixed_bfloat16 or float32, or remove it"
            )
        return build_optimizer(choice, self.steps_per_epoch, "code.optimizer")


def _images_in_float32(stack: Sequence[tuple[str, Choice]]) -> list[tuple[str, Choice]]:
    """The stack with every layer that ends in an image computed in float32.

    bfloat16 has 8 bits of precision near 1, which would quantise images more coarsely than the files they came from.
    """
    last = max((index for index, (_, choice) in enumerate(stack) if choice.name != "Output"), default=None)
    return [
        (path, _ending_in_float32(choice) if choice.name == "Output" or index == last else choice)
        for index, (path, choice) in enumerate(stack)
    ]


def _ending_in_float32(choice: Choice) -> Choice:
    """The layer computed in float32, or of an Output or a Repeat the last layer inside."""
    if choice.name not in ("Output", "Repeat"):
        return replace(choice, arguments={"dtype": "float32", **choice.arguments})
    *others, last = choice.arguments["layers"]
    last = _ending_in_float32(as_choice(last))
    return replace(choice, arguments={**choice.arguments, "layers": [*others, {last.name: last.arguments}]})
