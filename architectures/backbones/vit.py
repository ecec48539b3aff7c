"""ViT, and the two families with its blocks that differ in training: DeiT and MAE."""

from dataclasses import replace
from typing import Any

from architectures.backbones.transformer import ACTIVATION_WORDS, Transformer
from architectures.transformers.plain import Names, PlainConfig
from architectures.transformers.settings import Settings
from architectures.weights.preprocessing import SIGNED, TORCH
from common.registry import BACKBONES

_NAMES = Names(
    norms=("layernorm_before", "layernorm_after"),
    mlp=("intermediate.dense", "output.dense"),
)
_BASE = PlainConfig(epsilon=1e-12, names=_NAMES)
_SIZES = {
    "mini": replace(_BASE, width=64, depth=4, heads=4, hidden=256, patch=8),
    "tiny": replace(_BASE, width=192, heads=3, hidden=768),
    "small": replace(_BASE, width=384, heads=6, hidden=1536),
    "base": _BASE,
    "large": replace(_BASE, width=1024, depth=24, heads=16, hidden=4096),
    "huge": replace(_BASE, width=1280, depth=32, heads=16, hidden=5120, patch=14),
}


def plain_sizes(settings: Settings) -> dict[str, Any]:
    """What all families of equal blocks call alike in config.json."""
    return {
        "width": settings.whole("hidden_size", 768, 1, 16384),
        "depth": settings.whole("num_hidden_layers", 12, 1, 128),
        "heads": settings.whole("num_attention_heads", 12, 1, 256),
        "patch": settings.side("patch_size", 16, 1, 256),
        "channels": settings.whole("num_channels", 3, 1, 3),
        "activation": settings.word("hidden_act", "gelu", ACTIVATION_WORDS),
    }


def described_vit(settings: Settings) -> PlainConfig:
    """The configuration of ViT, DeiT and MAE."""
    bias = settings.flag("qkv_bias", True)
    return replace(
        _BASE,
        **plain_sizes(settings),
        hidden=settings.whole("intermediate_size", 3072, 1, 65536),
        epsilon=settings.number("layer_norm_eps", 1e-12, 0, 0.1),
        bias=(bias, bias, bias, True, True),
    )


@BACKBONES.register("vit")
class VisionTransformer(Transformer):
    """ViT: equal blocks of attention on patches and a class token. Taps such as `block_6` and `block_6.class`.

    Dosovitskiy et al., "An image is worth 16x16 words", arXiv 2010.11929.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers, a
            folder or the name of a preset of KerasHub; or an architecture without weights: mini, tiny, small, base,
            large, huge.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of a token, of an architecture without weights.
        depth: Blocks of an architecture without weights.
        heads: Attention heads of an architecture without weights.

    Example:
        vit: {preset: tiny}
    """

    name = "vit"
    preprocessing = SIGNED
    model_types = ("vit",)
    prefixes = ("vit.", "")
    sizes = _SIZES
    hub_class = "ViTBackbone"

    def described(self, settings: Settings) -> PlainConfig:
        return described_vit(settings)


@BACKBONES.register("mae")
class MaskedAutoencoder(Transformer):
    """MAE: the encoder of a masked autoencoder, a ViT that sees all patches here. Taps such as `block_6`.

    He et al., "Masked autoencoders are scalable vision learners", arXiv 2111.06377.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers; or an
            architecture without weights: mini, tiny, small, base, large, huge.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of a token, of an architecture without weights.
        depth: Blocks of an architecture without weights.
        heads: Attention heads of an architecture without weights.

    Example:
        mae: {preset: tiny}
    """

    name = "mae"
    preprocessing = TORCH
    model_types = ("vit_mae",)
    prefixes = ("vit.", "")
    sizes = _SIZES

    def described(self, settings: Settings) -> PlainConfig:
        return described_vit(settings)


@BACKBONES.register("deit")
class DataEfficientTransformer(Transformer):
    """DeiT: a ViT with a second token that learned from a teacher, the tap `block_6.distillation`.

    Touvron et al., "Training data-efficient image transformers & distillation through attention", arXiv 2012.12877.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers, a
            folder or the name of a preset of KerasHub; or an architecture without weights: mini, tiny, small, base,
            large, huge.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of a token, of an architecture without weights.
        depth: Blocks of an architecture without weights.
        heads: Attention heads of an architecture without weights.

    Example:
        deit: {preset: tiny}
    """

    name = "deit"
    preprocessing = TORCH
    model_types = ("deit",)
    prefixes = ("deit.", "")
    sizes = {word: replace(size, prefix=("class", "distillation")) for word, size in _SIZES.items()}
    hub_class = "DeiTBackbone"

    def described(self, settings: Settings) -> PlainConfig:
        return replace(described_vit(settings), prefix=("class", "distillation"))
