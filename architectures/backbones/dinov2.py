"""DINOv2, with and without registers."""

from dataclasses import replace

from architectures.backbones.transformer import Transformer
from architectures.backbones.vit import plain_sizes
from architectures.transformers.plain import Names, PlainConfig
from architectures.transformers.settings import Settings
from architectures.weights.preprocessing import TORCH
from common.registry import BACKBONES

_NAMES = Names()
_GATED = replace(_NAMES, mlp=("mlp.weights_in", "mlp.weights_out"))
_BASE = PlainConfig(patch=14, layer_scale=True, prefix=("class", "registers"), names=_NAMES)


@BACKBONES.register("dinov2")
class DinoV2(Transformer):
    """DINOv2: a ViT trained without labels, whose patches describe objects. Taps such as `block_12`.

    Oquab et al., "DINOv2: learning robust visual features without supervision", arXiv 2304.07193; registers: Darcet et
    al., "Vision transformers need registers", arXiv 2309.16588.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers, a
            folder or the name of a preset of KerasHub; or an architecture without weights: mini, small, base, large.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of a token, of an architecture without weights.
        depth: Blocks of an architecture without weights.
        heads: Attention heads of an architecture without weights.

    Example:
        dinov2: {preset: small}
    """

    name = "dinov2"
    preprocessing = TORCH
    model_types = ("dinov2", "dinov2_with_registers")
    prefixes = ("dinov2.", "dinov2_with_registers.", "")
    sizes = {
        "mini": replace(_BASE, width=64, depth=4, heads=4, hidden=256, patch=8),
        "small": replace(_BASE, width=384, heads=6, hidden=1536),
        "base": _BASE,
        "large": replace(_BASE, width=1024, depth=24, heads=16, hidden=4096),
    }
    hub_class = "DINOV2Backbone"

    def described(self, settings: Settings) -> PlainConfig:
        sizes = plain_sizes(settings)
        hidden = int(sizes["width"] * settings.number("mlp_ratio", 4, 0.1, 64))
        hidden = settings.whole("intermediate_size", hidden, 1, 1 << 20)  # KerasHub states it, and no ratio
        gated = settings.flag("use_swiglu_ffn", False)
        with_registers = settings.values.get("model_type") == "dinov2_with_registers"
        bias = settings.flag("qkv_bias", True)
        return replace(
            _BASE,
            **sizes,
            hidden=(int(hidden * 2 / 3) + 7) // 8 * 8 if gated else hidden,
            epsilon=settings.number("layer_norm_eps", 1e-6, 0, 0.1),
            registers=settings.whole("num_register_tokens", 4 if with_registers else 0, 0, 1024),
            antialias=settings.flag("antialias_in_interpolation", with_registers),
            gate="halves" if gated else "none",
            names=_GATED if gated else _NAMES,
            bias=(bias, bias, bias, True, True),
        )
