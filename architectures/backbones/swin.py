"""Swin transformers."""

from dataclasses import replace

from architectures.backbones.transformer import ACTIVATION_WORDS, Transformer
from architectures.transformers.settings import Settings
from architectures.transformers.windowed import WindowedConfig
from architectures.weights.preprocessing import TORCH
from common.registry import BACKBONES


@BACKBONES.register("swin")
class Swin(Transformer):
    """Swin: attention within windows, on maps that halve from stage to stage. Taps such as `block_4` and `merge_1`.

    Liu et al., "Swin Transformer: hierarchical vision transformer using shifted windows", arXiv 2103.14030.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers, a
            folder or the name of a preset of KerasHub; or an architecture without weights: mini, tiny, small, base,
            large.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of the first stage, of an architecture without weights.

    Example:
        swin: {preset: tiny}
    """

    name = "swin"
    preprocessing = TORCH
    model_types = ("swin",)
    prefixes = ("swin.", "")
    sizes = {
        "mini": WindowedConfig(width=32, depths=(2, 2), heads=(2, 4), window=4, patch=4),
        "tiny": WindowedConfig(),
        "small": WindowedConfig(depths=(2, 2, 18, 2)),
        "base": WindowedConfig(width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32)),
        "large": WindowedConfig(width=192, depths=(2, 2, 18, 2), heads=(6, 12, 24, 48)),
    }
    hub_class = "SwinTransformerBackbone"

    def __init__(self, preset: str, patch: int | None = None, width: int | None = None):
        given = {"patch": patch, "width": width}
        self._open(preset, {name: value for name, value in given.items() if value is not None})

    def described(self, settings: Settings) -> WindowedConfig:
        if settings.flag("use_absolute_embeddings", False):
            raise ValueError(f"{settings.shown}: use_absolute_embeddings is not supported")
        usual = WindowedConfig()
        return replace(
            usual,
            width=settings.whole("embed_dim", usual.width, 1, 4096),
            depths=settings.wholes("depths", usual.depths, 1, 128, 8),
            heads=settings.wholes("num_heads", usual.heads, 1, 256, 8),
            window=settings.whole("window_size", usual.window, 1, 256),
            patch=settings.side("patch_size", usual.patch, 1, 256),
            channels=settings.whole("num_channels", 3, 1, 3),
            ratio=settings.number("mlp_ratio", usual.ratio, 0.1, 64),
            epsilon=settings.number("layer_norm_eps", usual.epsilon, 0, 0.1),
            activation=settings.word("hidden_act", "gelu", ACTIVATION_WORDS),
            bias=settings.flag("qkv_bias", True),
        )
