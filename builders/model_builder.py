"""ModelBuilder: a spec → a compiled reconstructor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from architectures.losses.adversarial import Adversarial
from architectures.reconstructors.adversary import Adversary
from architectures.reconstructors.autoencoder import Autoencoder
from architectures.reconstructors.backbone_inverter import BackboneInverter
from architectures.reconstructors.base import Reconstructor
from architectures.reconstructors.latent_decoder import LatentDecoder
from architectures.reconstructors.terms import WeightedLoss
from architectures.stacks import expand_architecture
from builders.adversary_builder import build_adversary
from builders.errors import RequestError
from builders.feature_builder import build_features
from builders.layer_builder import apply_layer, apply_stack, build_layer, build_layers, expand_repeats, shape_text
from builders.objective_builder import build_metrics, build_terms
from builders.optimizer_builder import build_optimizer
from builders.precision import dtype_policy, resolve_precision
from builders.spec import Choice, Spec


class ModelBuilder:
    """Compiles a spec into a subclassed Keras model, ready to train or to take a checkpoint's weights.

    Args:
        spec: The experiment.
        image_shape: (height, width, channels) of the dataset's images.
        steps_per_epoch: Turns durations in epochs into steps; the dataset's own.
        weights: False builds the same network with random frozen weights and loads nothing, for `show`.
        train_count: Images of the training split: learned latents need a row for each.
    """

    def __init__(
        self,
        spec: Spec,
        image_shape: Sequence[int],
        steps_per_epoch: int = 1,
        weights: bool = True,
        train_count: int = 1,
    ):
        self.spec = spec
        height, width, channels = image_shape
        self.image_shape = height, width, channels
        self.steps_per_epoch = steps_per_epoch
        self.weights = weights
        self.train_count = train_count

    def build(self) -> Reconstructor:
        """The reconstructor with its optimizer built.

        Raises:
            RequestError: Some part cannot be built or parts do not fit; names the place in the spec.
        """
        spec = self.spec
        # Initial weights come from the seed alone, whatever this process built before.
        keras.utils.set_random_seed(spec.seed)
        with dtype_policy(resolve_precision(spec.training.precision)):
            model_class: type[Reconstructor]
            parts: dict[str, Any]
            if spec.encoder.kind == "backbone":
                features = build_features(spec.encoder, self.image_shape, spec.seed, self.weights, "encoder", "taps")
                code = features.fuse_model.output
                model_class, parts = BackboneInverter, {"features": features}
            elif spec.encoder.kind == "layers":
                encoder = self._stack(keras.Input(self.image_shape), spec.encoder.layers, "encoder")
                code = encoder.output
                model_class, parts = Autoencoder, {"encoder": encoder}
            else:
                code = keras.Input((spec.encoder.latents.dimensions,), name="latent")
                model_class, parts = LatentDecoder, self._latents()
            code_stack = None
            if spec.code is not None and spec.code.layers:
                code_stack = self._stack(keras.Input(code.shape[1:], dtype=code.dtype), spec.code.layers, "code")
                code = code_stack.output
            decoder = self._decoder(code)
            terms = build_terms(spec, decoder.output, self.steps_per_epoch, self.weights)
            judging = [term for term in terms if isinstance(term.loss, Adversarial)]
            model = model_class(
                image_shape=self.image_shape,
                decoder=decoder,
                code_stack=code_stack,
                losses=[term for term in terms if term not in judging],
                metrics=build_metrics(spec, self.image_shape, self.weights),
                skip_bad_steps=spec.training.on_nan == "skip",
                adversary=self._adversary(judging[0], decoder) if judging else None,
                name="reconstructor",
                **parts,
            )
            model.compile(
                optimizer=build_optimizer(spec.training.optimizer, self.steps_per_epoch, "training.optimizer"),
                code_optimizer=self._code_optimizer(code_stack),
                # With XLA operations are not deterministic, so that `auto` leaves it off.
                jit_compile=spec.training.jit_compile is True,
                **self._latent_optimizer(),
            )
            model.build_optimizers()
        return model

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

    def _latent_optimizer(self) -> dict[str, keras.optimizers.Optimizer]:
        latents = self.spec.encoder.latents
        if latents is None:
            return {}
        where = "encoder.latents.optimizer"
        return {"latent_optimizer": build_optimizer(latents.optimizer, self.steps_per_epoch, where)}

    def _stack(self, tensor: Any, entries: Sequence[Choice], where: str) -> keras.Model:
        """A trainable stack with one output."""
        output = apply_stack(build_layers(entries, where), tensor, f"{where}.layers")
        return keras.Model(tensor, output, name=where)

    def _decoder(self, code: Any) -> keras.Model:
        """The decoder: a model from the code to a dictionary of images, the last of the stack called `image`."""
        code = keras.Input(code.shape[1:], dtype=code.dtype, name="code")
        outputs: dict[str, Any] = {}
        trail = [shape_text(code.shape)]
        tensor = code
        place, stack = self._decoder_layers(code.shape[1:])
        entries = _images_in_float32(expand_repeats(stack))
        for index, choice in enumerate(entries):
            where = f"{place}.{index}.{choice.name}"
            layer = build_layer(choice, f"decoder_{index}_{choice.name.lower()}")
            if choice.name == "Output":
                outputs[layer.name] = apply_layer(layer, tensor, where)
                self._check_channels(outputs[layer.name], where)
                continue
            tensor = apply_layer(layer, tensor, where)
            trail.append(f"{choice.name} {shape_text(tensor.shape)}")
        if tuple(tensor.shape[1:]) != self.image_shape:
            raise RequestError(
                f"{place}: ends in {shape_text(tensor.shape)} but the image is "
                f"{shape_text((None, *self.image_shape))}; what each layer gave: {' → '.join(trail)}"
            )
        return keras.Model(code, {"image": tensor, **outputs}, name="decoder")

    def _decoder_layers(self, code_shape: Sequence[int]) -> tuple[str, Sequence[Choice | Mapping[str, Any]]]:
        """Path in the spec, and layers: those written out, or an architecture's for these shapes."""
        architecture = self.spec.decoder.architecture
        if architecture is None:
            return "decoder.layers", self.spec.decoder.layers
        place = f"decoder.architecture.{architecture.name}"
        try:
            layers = expand_architecture(architecture.name, architecture.arguments, tuple(code_shape), self.image_shape)
        except ValueError as error:
            raise RequestError(f"{place}: {error}") from error
        return place, layers

    def _check_channels(self, output: Any, where: str) -> None:
        if len(output.shape) != 4 or output.shape[-1] != self.image_shape[-1]:
            raise RequestError(
                f"{where}: gives {shape_text(output.shape)}, which is no image of {self.image_shape[-1]} channels; "
                f"end it with a layer of {self.image_shape[-1]} filters"
            )

    def _adversary(self, term: WeightedLoss, decoder: keras.Model) -> Adversary:
        return build_adversary(self.spec, term, decoder, self.steps_per_epoch, self.weights)

    def _code_optimizer(self, code_stack: keras.Model | None) -> keras.optimizers.Optimizer | None:
        """The code stack's own optimizer, where the spec gives one."""
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


def _images_in_float32(entries: Sequence[Choice]) -> list[Choice]:
    """The stack with every layer that ends in an image computed in float32.

    bfloat16 has 8 bits of precision near 1, which would quantise images more coarsely than the files they came from.
    """

    def in_float32(choice: Choice) -> Choice:
        return replace(choice, arguments={"dtype": "float32", **choice.arguments})

    result = []
    for index, choice in enumerate(entries):
        if choice.name == "Output":
            inner = _images_in_float32(expand_repeats(choice.arguments["layers"]))
            inner_entries = [{layer.name: layer.arguments} for layer in inner]
            choice = replace(choice, arguments={**choice.arguments, "layers": inner_entries})
        elif index == max(i for i, entry in enumerate(entries) if entry.name != "Output"):
            choice = in_float32(choice)
        result.append(choice)
    return result
