"""Presets of KerasHub: a folder with config.json and model.weights.h5, or a name that its client downloads.

KerasHub builds the network once, from checked numbers, for the places of its variables in the file; nothing else of a
preset is loaded. The values then get the names of Hugging Face's files, which all families read.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from architectures.transformers.preset import KERAS_WEIGHTS, Preset
from architectures.transformers.settings import Settings
from architectures.weights.hdf5 import read_hdf5, variables_of
from common.files import memory_budget
from common.formatting import printable
from common.patience import in_time
from common.program import installed

_SECONDS = 30.0
# KerasHub's word → that of Hugging Face's configurations.
_WORDS = {
    "num_layers": "num_hidden_layers",
    "hidden_dim": "hidden_size",
    "num_heads": "num_attention_heads",
    "mlp_dim": "intermediate_size",
    "intermediate_dim": "intermediate_size",
    "layer_norm_epsilon": "layer_norm_eps",
    "intermediate_activation": "hidden_act",
    "hidden_activation": "hidden_act",
    "use_mha_bias": "qkv_bias",
    **{f"use_{part}_bias": f"{part}_bias" for part in ("query", "key", "value", "proj")},
}
_HALVES = {"CLIPBackbone": "CLIPVisionEncoder", "SigLIPBackbone": "SigLIPVisionEncoder"}
# Constants of KerasHub's classes, which their configurations leave out.
_EPSILON = {"CLIPBackbone": 1e-5, "DINOV2Backbone": 1e-6, "SwinTransformerBackbone": 1e-5}
_TINY = {"hidden_dim": 2, "num_layers": 1, "num_heads": 1, "intermediate_dim": 2, "embedding_dim": 2}


def library() -> Any:
    """The module `keras_hub`. Raises ValueError where it is not installed."""
    try:
        import keras_hub
    except ImportError:
        raise ValueError(f"presets of KerasHub need keras-hub: {installed('hub')}") from None
    return keras_hub


def names(hub_class: str) -> list[str]:
    """The presets that KerasHub has for a class. Raises ValueError where it is not installed."""
    return sorted(getattr(library().models, hub_class).presets)


def download(name: str) -> Callable[[str], Path]:
    """File name → path of a file of one of KerasHub's presets, downloaded by its client where its cache lacks it."""

    def fetch(file: str) -> Path:
        from keras_hub.src.utils.preset_utils import get_file

        seconds = None if file == KERAS_WEIGHTS else _SECONDS
        try:
            found = get_file(name, file) if seconds is None else in_time(lambda: get_file(name, file), seconds)
        except Exception as error:  # of kagglehub, of its network, of the disk
            reason = printable(" ".join(str(error).split()))[:200] or type(error).__name__
            raise ValueError(f"preset '{name}' of KerasHub is not on this machine: {reason}") from error
        return Path(found)

    return fetch


class HubPreset:
    """A preset of KerasHub.

    Args:
        preset: Its files.
        hub_class: The class of the family that is asked for.
        family: The family, for errors.

    Attributes:
        settings: Its configuration in Hugging Face's words, of which nothing is checked yet.

    Raises:
        ValueError: It is of another class, or is none that can be read.
    """

    def __init__(self, preset: Preset, hub_class: str | None, family: str):
        self.preset, self.hub_class, self.family = preset, str(hub_class), family
        self.shown = f"{preset.given}/config.json"
        config = self._checked(preset.config, self.hub_class)
        self.raw = config
        half = _HALVES.get(self.hub_class)
        if half is not None:
            self.raw = self._checked(config.get("vision_encoder"), half)
        values = {_WORDS.get(key, key): value for key, value in self.raw.items() if value is not None}
        if self.hub_class == "SwinTransformerBackbone":
            values["num_heads"] = self.raw.get("num_heads")
        else:
            shape = self.raw.get("image_shape")
            values["num_channels"] = shape[2] if isinstance(shape, list) and len(shape) == 3 else 3
        values.setdefault("layer_norm_eps", _EPSILON.get(self.hub_class, 1e-6))
        if half is not None and "projection_dim" in config:
            values["projection_dim"] = config["projection_dim"]
        for key, needed in (("use_class_token", True), ("use_mlp_bias", True), ("patch_norm", True)):
            if self.raw.get(key, needed) is not needed:
                raise ValueError(f"{printable(self.shown)}: {key} must be {str(needed).lower()}; others are not read")
        self.settings: Mapping[str, Any] = values

    def _checked(self, entry: Any, expected: str) -> dict[str, Any]:
        """The configuration of an entry, which must be of one class of KerasHub."""
        found = entry.get("class_name") if isinstance(entry, dict) else None
        registered = entry.get("registered_name") if isinstance(entry, dict) else None
        if found != expected or registered not in (f"keras_hub>{expected}", f"keras_nlp>{expected}"):
            raise ValueError(
                f"{printable(self.shown)} is of {printable(str(registered or found))[:60]}, {self.family} expects "
                f"keras_hub>{expected}"
            )
        config = entry.get("config")
        if not isinstance(config, dict):
            raise ValueError(f"{printable(self.shown)} has no config")
        return config

    def tensors(self, wanted: Collection[str]) -> dict[str, np.ndarray]:
        """Values by Hugging Face's names; missing ones are left out. Raises ValueError where they cannot be read."""
        from architectures.backbones.keras_file import dataset_paths

        path = self.preset.file(KERAS_WEIGHTS)
        backbone = self._build()
        found = {key: value for key, value in _VALUES[self.hub_class](backbone) if key in wanted}
        needed = {id(variable) for variables, _ in found.values() for variable in variables}
        layers = [layer for layer in backbone.layers if needed & {id(variable) for variable in variables_of(layer)}]
        arrays = read_hdf5(path, backbone, [layer.name for layer in layers], dataset_paths(backbone))
        values = {
            id(variable): array for layer in layers for variable, array in zip(variables_of(layer), arrays[layer.name])
        }
        return {
            key: back(*(values[id(variable)] for variable in variables)) for key, (variables, back) in found.items()
        }

    def _build(self) -> Any:
        """KerasHub's network, of random values, from numbers that are checked here again."""
        models = library().models
        settings = Settings(self.settings, self.shown)
        side = settings.side("image_shape", 224, 1, 8192)
        shape = (side, side, settings.whole("num_channels", 3, 1, 3))
        patch = settings.side("patch_size", 16, 1, 256)
        count = (side // patch) ** 2
        if side % patch or 4 * count * 4096 > memory_budget():
            what = "is no whole number of patches" if side % patch else f"has {count:,} patches, more than memory holds"
            raise ValueError(f"{printable(self.shown)}: image_shape {what}")
        cls = getattr(models, _HALVES.get(self.hub_class, self.hub_class))
        if self.hub_class == "SwinTransformerBackbone":
            window = settings.whole("window_size", 7, 1, 256)
            if 4 * (side // patch + window) ** 2 * window**2 > memory_budget():
                raise ValueError(f"{printable(self.shown)}: window_size of {window} needs more than memory holds")
            return cls(
                image_shape=shape,
                patch_size=patch,
                embed_dim=settings.whole("embed_dim", 96, 1, 4096),
                depths=settings.wholes("depths", (2, 2, 6, 2), 1, 128, 8),
                num_heads=settings.wholes("num_heads", (3, 6, 12, 24), 1, 256, 8),
                window_size=window,
                mlp_ratio=settings.number("mlp_ratio", 4.0, 0.1, 64),
                qkv_bias=settings.flag("qkv_bias", True),
            )
        hidden = "mlp_dim" if self.hub_class == "ViTBackbone" else "intermediate_dim"
        sizes: dict[str, Any] = {
            "image_shape": shape,
            "patch_size": patch,
            "num_layers": settings.whole("num_hidden_layers", 12, 1, 128),
            "num_heads": settings.whole("num_attention_heads", 12, 1, 256),
            "hidden_dim": settings.whole("hidden_size", 768, 1, 16384),
            hidden: settings.whole("intermediate_size", 3072, 1, 65536),
        }
        flags = {key: self.raw[key] for key in _FLAGS if isinstance(self.raw.get(key), bool)}
        if "DINO" in self.hub_class:
            sizes["num_register_tokens"] = settings.whole("num_register_tokens", 0, 0, 1024)
        if self.hub_class == "DINOV2Backbone":
            source = settings.side("position_embedding_shape", side, 1, 8192)
            sizes["position_embedding_shape"] = (source, source, shape[2])
        half = cls(**sizes, **flags)
        if self.hub_class not in _HALVES:
            return half
        # The text half has variables of its own, which are not read: the smallest one keeps the places of the others.
        text = getattr(models, self.hub_class.replace("Backbone", "TextEncoder"))(vocabulary_size=2, **_TINY)
        extra = {}
        if self.hub_class == "CLIPBackbone":
            extra["projection_dim"] = settings.whole("projection_dim", 512, 1, 16384)
        return getattr(models, self.hub_class)(half, text, **extra)


_FLAGS = (
    *("use_mha_bias", "use_patch_bias", "use_mask_token", "use_swiglu_ffn", "use_gated_mlp"),
    *("use_query_bias", "use_key_bias", "use_value_bias", "use_proj_bias"),
)


# Name of Hugging Face → variables, and the way back from Keras' layout.

_Found = Iterator[tuple[str, tuple[tuple[keras.Variable, ...], Callable[..., np.ndarray]]]]


def _same(value: np.ndarray) -> np.ndarray:
    return value


def _dense(layer: Any, name: str) -> _Found:
    yield f"{name}.weight", ((layer.kernel,), np.transpose)
    if layer.bias is not None:
        yield f"{name}.bias", ((layer.bias,), _same)


def _norm(layer: Any, name: str) -> _Found:
    yield f"{name}.weight", ((layer.gamma,), _same)
    yield f"{name}.bias", ((layer.beta,), _same)


def _patches(layer: Any, name: str) -> _Found:
    yield f"{name}.weight", ((layer.kernel,), lambda value: value.transpose(3, 2, 0, 1))
    if layer.bias is not None:
        yield f"{name}.bias", ((layer.bias,), _same)


def _attention(layer: Any, names: tuple[str, str, str, str]) -> _Found:
    """keras.layers.MultiHeadAttention."""
    for name, dense in zip(names, (layer.query_dense, layer.key_dense, layer.value_dense)):
        yield f"{name}.weight", ((dense.kernel,), lambda value: value.reshape(value.shape[0], -1).T)
        if dense.bias is not None:
            yield f"{name}.bias", ((dense.bias,), np.ravel)
    dense = layer.output_dense
    yield f"{names[3]}.weight", ((dense.kernel,), lambda value: value.reshape(-1, value.shape[-1]).T)
    if dense.bias is not None:
        yield f"{names[3]}.bias", ((dense.bias,), _same)


_INNER = tuple(f"attention.attention.{part}" for part in ("query", "key", "value"))


def _vit(backbone: Any) -> _Found:
    first, encoder = backbone.layers[1:3]
    yield from _patches(first.patch_embedding, "embeddings.patch_embeddings.projection")
    yield "embeddings.cls_token", ((first.class_token,), _same)
    if hasattr(first, "distillation_token"):
        yield "embeddings.distillation_token", ((first.distillation_token,), _same)
        yield "embeddings.position_embeddings", ((first.position_embedding,), _same)
    else:
        yield "embeddings.position_embeddings", ((first.position_embedding.embeddings,), _same)
    for number, block in enumerate(encoder.encoder_layers):
        name = f"encoder.layer.{number}"
        yield from _norm(block.layer_norm_1, f"{name}.layernorm_before")
        yield from _norm(block.layer_norm_2, f"{name}.layernorm_after")
        inner = [f"{name}.{part}" for part in _INNER]
        yield from _attention(block.mha, (*inner, f"{name}.attention.output.dense"))  # type: ignore[arg-type]
        of_deit = hasattr(block, "output_layer")
        yield from _dense(block.mlp.dense if of_deit else block.mlp.dense_1, f"{name}.intermediate.dense")
        yield from _dense(block.output_layer.dense if of_deit else block.mlp.dense_2, f"{name}.output.dense")
    yield from _norm(encoder.layer_norm, "layernorm")


def _dinov2(backbone: Any) -> _Found:
    first = backbone.embeddings
    yield from _patches(first.patch_embeddings.projection, "embeddings.patch_embeddings.projection")
    yield "embeddings.cls_token", ((first.cls_token,), _same)
    if backbone.num_register_tokens:
        yield "embeddings.register_tokens", ((first.register_tokens,), _same)
    yield "embeddings.position_embeddings", ((first.position_embeddings,), _same)
    for number, block in enumerate(backbone.encoder.layers):
        name = f"encoder.layer.{number}"
        inner = [f"{name}.{part}" for part in _INNER]
        yield from _attention(
            block.attention.attention,
            (*inner, f"{name}.attention.output.dense"),  # type: ignore[arg-type]
        )
        yield from _scaled(block, name)
        for part in ("weights_in", "weights_out") if backbone.use_swiglu_ffn else ("fc1", "fc2"):
            yield from _dense(getattr(block.mlp, part), f"{name}.mlp.{part}")
    yield from _norm(backbone.layernorm, "layernorm")


def _scaled(block: Any, name: str) -> _Found:
    for part in ("1", "2"):
        yield from _norm(getattr(block, f"norm{part}"), f"{name}.norm{part}")
        yield f"{name}.layer_scale{part}.lambda1", ((getattr(block, f"layer_scale{part}").lambda1,), _same)


def _dinov3(backbone: Any) -> _Found:
    first = backbone.embeddings
    yield from _patches(first.patch_embeddings.projection, "embeddings.patch_embeddings")
    yield "embeddings.cls_token", ((first.cls_token,), _same)
    if backbone.num_register_tokens:
        yield "embeddings.register_tokens", ((first.register_tokens,), _same)
    for number, block in enumerate(backbone.encoder.layers):
        name = f"layer.{number}"
        for part, word in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")):
            yield from _dense(getattr(block.attention, f"{part}_dense"), f"{name}.attention.{word}_proj")
        yield from _scaled(block, name)
        for part in ("gate_proj", "up_proj", "down_proj")[0 if backbone.use_gated_mlp else 1 :]:
            yield from _dense(getattr(block.mlp, part), f"{name}.mlp.{part}")
    yield from _norm(backbone.layernorm, "norm")


def _image_half(backbone: Any) -> _Found:
    """Of CLIP and SigLIP, without what the two do not share."""
    encoder = backbone.vision_encoder
    yield from _patches(encoder.embedding.patch_embedding, "embeddings.patch_embedding")
    yield "embeddings.position_embedding.weight", ((encoder.embedding.position_embedding.embeddings,), _same)
    for number, block in enumerate(encoder.encoder_layers):
        name = f"encoder.layers.{number}"
        of_clip = hasattr(block, "layer_norm_1")
        norms = (block.layer_norm_1, block.layer_norm_2) if of_clip else (block.layer_norm1, block.layer_norm2)
        yield from _norm(norms[0], f"{name}.layer_norm1")
        yield from _norm(norms[1], f"{name}.layer_norm2")
        parts = [f"{name}.self_attn.{part}_proj" for part in ("q", "k", "v", "out")]
        yield from _attention(block.attention if of_clip else block.self_attn, tuple(parts))  # type: ignore[arg-type]
        yield from _dense(block.dense_1 if of_clip else block.mlp.fc1, f"{name}.mlp.fc1")
        yield from _dense(block.dense_2 if of_clip else block.mlp.fc2, f"{name}.mlp.fc2")


def _clip(backbone: Any) -> _Found:
    yield from _image_half(backbone)
    yield "embeddings.class_embedding", ((backbone.vision_encoder.embedding.class_embedding,), _same)
    yield from _norm(backbone.vision_encoder.pre_layer_norm, "pre_layrnorm")
    yield from _norm(backbone.vision_encoder.layer_norm, "post_layernorm")
    yield from _dense(backbone.vision_projection, "visual_projection")


def _siglip(backbone: Any) -> _Found:
    yield from _image_half(backbone)
    yield from _norm(backbone.vision_encoder.post_layer_norm, "post_layernorm")
    head = backbone.vision_encoder.head
    yield "head.probe", ((head.probe,), _same)
    parts = ("q", "k", "v", "head.attention.out_proj")
    apart = dict(_attention(head.attention, parts))
    for what in ("weight", "bias"):
        three = [apart.pop(f"{part}.{what}") for part in parts[:3]]

        def packed(*values: np.ndarray, three: Any = three) -> np.ndarray:
            return np.concatenate([back(value) for value, (_, back) in zip(values, three)])

        yield f"head.attention.in_proj_{what}", (tuple(variables[0] for variables, _ in three), packed)
    yield from apart.items()
    yield from _norm(head.layer_norm, "head.layernorm")
    yield from _dense(head.mlp.fc1, "head.mlp.fc1")
    yield from _dense(head.mlp.fc2, "head.mlp.fc2")


def _swin(backbone: Any) -> _Found:
    yield from _patches(backbone.patch_embedding.proj, "embeddings.patch_embeddings.projection")
    yield from _norm(backbone.patch_embedding.norm, "embeddings.norm")
    for stage, layer in enumerate(backbone.stages):
        for number, block in enumerate(layer.blocks):
            name = f"encoder.layers.{stage}.blocks.{number}"
            yield from _norm(block.norm1, f"{name}.layernorm_before")
            yield from _norm(block.norm2, f"{name}.layernorm_after")
            yield from _thirds(block.attn.qkv, f"{name}.attention.self")
            yield from _dense(block.attn.proj, f"{name}.attention.output.dense")
            table = block.attn.relative_position_bias_table
            yield f"{name}.attention.self.relative_position_bias_table", ((table,), _same)
            yield from _dense(block.mlp.fc1, f"{name}.intermediate.dense")
            yield from _dense(block.mlp.fc2, f"{name}.output.dense")
        if layer.downsample is not None:
            yield from _norm(layer.downsample.norm, f"encoder.layers.{stage}.downsample.norm")
            yield from _dense(layer.downsample.reduction, f"encoder.layers.{stage}.downsample.reduction")
    yield from _norm(backbone.norm, "layernorm")


def _thirds(layer: Any, name: str) -> _Found:
    """Queries, keys and values of one dense layer."""
    for number, part in enumerate(("query", "key", "value")):

        def third(value: np.ndarray, number: int = number) -> np.ndarray:
            return np.split(value, 3, axis=-1)[number].T

        yield f"{name}.{part}.weight", ((layer.kernel,), third)
        if layer.bias is not None:
            yield f"{name}.{part}.bias", ((layer.bias,), third)


_VALUES: Mapping[str, Callable[[Any], _Found]] = {
    "ViTBackbone": _vit,
    "DeiTBackbone": _vit,
    "DINOV2Backbone": _dinov2,
    "DINOV3Backbone": _dinov3,
    "CLIPBackbone": _clip,
    "SigLIPBackbone": _siglip,
    "SwinTransformerBackbone": _swin,
}
