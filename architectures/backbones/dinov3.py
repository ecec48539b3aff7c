"""DINOv3's transformers."""

from dataclasses import replace

from architectures.backbones.transformer import Transformer
from architectures.backbones.vit import plain_sizes
from architectures.transformers.plain import Names, PlainConfig
from architectures.transformers.settings import Settings
from architectures.weights.preprocessing import TORCH
from common.registry import BACKBONES

_NAMES = Names(
    patches="embeddings.patch_embeddings",
    block="layer.{}",
    attention=("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj"),
    mlp=("mlp.up_proj", "mlp.down_proj", "mlp.gate_proj"),
    final="norm",
)
_BASE = PlainConfig(
    epsilon=1e-5,
    layer_scale=True,
    prefix=("class", "registers"),
    registers=4,
    learned_positions=False,
    theta=100.0,
    bias=(True, False, True, True, True),
    names=_NAMES,
)


@BACKBONES.register("dinov3")
class DinoV3(Transformer):
    """DINOv3: DINOv2's successor, with four registers and rotary positions. Taps such as `block_12`.

    Its weights are under Meta's DINOv3 License, which is not an open-source licence, and their repositories are gated.
    Retrace ships none and downloads none unless the spec names a preset. ConvNeXt versions are not read.

    Siméoni et al., "DINOv3", arXiv 2508.10104.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers, a
            folder or the name of a preset of KerasHub; or an architecture without weights: mini, small, base, large.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of a token, of an architecture without weights.
        depth: Blocks of an architecture without weights.
        heads: Attention heads of an architecture without weights.

    Example:
        dinov3: {preset: small}
    """

    name = "dinov3"
    preprocessing = TORCH
    model_types = ("dinov3_vit",)
    prefixes = ("dinov3_vit.", "model.", "")
    sizes = {
        "mini": replace(_BASE, width=64, depth=4, heads=4, hidden=256, patch=8),
        "small": replace(_BASE, width=384, heads=6, hidden=1536),
        "base": _BASE,
        "large": replace(_BASE, width=1024, depth=24, heads=16, hidden=4096),
    }
    hub_class = "DINOV3Backbone"

    def described(self, settings: Settings) -> PlainConfig:
        turns = settings.part("rope_parameters") if "rope_theta" not in settings.values else settings
        names = ("query_bias", "key_bias", "value_bias", "proj_bias", "mlp_bias")
        usual = (True, False, True, True, True)
        query, key, value, mix, mlp = (settings.flag(name, default) for name, default in zip(names, usual))
        return replace(
            _BASE,
            **plain_sizes(settings),
            hidden=settings.whole("intermediate_size", 3072, 1, 65536),
            epsilon=settings.number("layer_norm_eps", 1e-5, 0, 0.1),
            registers=settings.whole("num_register_tokens", 0, 0, 1024),
            theta=turns.number("rope_theta", 100.0, 1, 1e9),
            gate="layer" if settings.flag("use_gated_mlp", False) else "none",
            bias=(query, key, value, mix, mlp),
        )
