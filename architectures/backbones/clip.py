"""The image halves of CLIP and SigLIP, which learned beside texts."""

from dataclasses import replace

from architectures.backbones.transformer import Transformer
from architectures.backbones.vit import plain_sizes
from architectures.transformers.plain import Names, PlainConfig
from architectures.transformers.preset import normalising
from architectures.transformers.settings import Settings
from architectures.weights.preprocessing import SIGNED
from common.registry import BACKBONES

_NAMES = Names(
    patches="embeddings.patch_embedding",
    prefix={"class": "embeddings.class_embedding"},
    positions="embeddings.position_embedding.weight",
    block="encoder.layers.{}",
    norms=("layer_norm1", "layer_norm2"),
    attention=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"),
    final="post_layernorm",
)
_CLIP = PlainConfig(
    epsilon=1e-5, activation="quick_gelu", first_norm=True, patch_bias=False, head="projection", names=_NAMES
)
_SIGLIP = PlainConfig(activation="gelu_tanh", prefix=(), head="probe", names=_NAMES)


@BACKBONES.register("clip")
class Clip(Transformer):
    """CLIP's image half: the tap `embedding` is the vector that is compared with texts. Taps such as `block_6`.

    Radford et al., "Learning transferable visual models from natural language supervision", arXiv 2103.00020.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers, a
            folder or the name of a preset of KerasHub; or an architecture without weights: mini, base, large.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of a token, of an architecture without weights.
        depth: Blocks of an architecture without weights.
        heads: Attention heads of an architecture without weights.

    Example:
        clip: {preset: base}
    """

    name = "clip"
    preprocessing = normalising((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    model_types = ("clip", "clip_vision_model")
    image_part = "vision_config"
    prefixes = ("vision_model.", "")
    sizes = {
        "mini": replace(_CLIP, width=64, depth=4, heads=4, hidden=256, patch=8, embedding=64),
        "base": _CLIP,
        "large": replace(_CLIP, width=1024, depth=24, heads=16, hidden=4096, patch=14, embedding=768),
    }
    hub_class = "CLIPBackbone"

    def described(self, settings: Settings) -> PlainConfig:
        image = settings.part("vision_config") if settings.values.get("model_type") == "clip" else settings
        usual = {"patch_size": 32, "hidden_act": "quick_gelu"}
        image = Settings({**usual, **image.values}, settings.shown)
        return replace(
            _CLIP,
            **plain_sizes(image),
            hidden=image.whole("intermediate_size", 3072, 1, 65536),
            epsilon=image.number("layer_norm_eps", 1e-5, 0, 0.1),
            embedding=settings.whole("projection_dim", 512, 1, 16384),
        )


@BACKBONES.register("siglip")
class SigLip(Transformer):
    """SigLIP's image half, without a class token: `embedding` pools the patches. Taps such as `block_6`.

    Zhai et al., "Sigmoid loss for language image pre-training", arXiv 2303.15343. SigLIP 2 of fixed size is read too.

    Args:
        preset: A folder or hf://owner/name with config.json and model.safetensors of Hugging Face's transformers, a
            folder or the name of a preset of KerasHub; or an architecture without weights: mini, base, large.
        patch: Side of a patch in pixels, of an architecture without weights.
        width: Channels of a token, of an architecture without weights.
        depth: Blocks of an architecture without weights.
        heads: Attention heads of an architecture without weights.

    Example:
        siglip: {preset: base}
    """

    name = "siglip"
    preprocessing = SIGNED
    model_types = ("siglip", "siglip_vision_model")
    image_part = "vision_config"
    prefixes = ("vision_model.", "")
    sizes = {
        "mini": replace(_SIGLIP, width=64, depth=4, heads=4, hidden=256, patch=8),
        "base": _SIGLIP,
        "large": replace(_SIGLIP, width=1024, depth=24, heads=16, hidden=4096),
    }
    hub_class = "SigLIPBackbone"

    def described(self, settings: Settings) -> PlainConfig:
        image = settings.part("vision_config") if settings.values.get("model_type") == "siglip" else settings
        image = Settings({"hidden_act": "gelu_pytorch_tanh", **image.values}, settings.shown)
        return replace(
            _SIGLIP,
            **plain_sizes(image),
            hidden=image.whole("intermediate_size", 3072, 1, 65536),
            epsilon=image.number("layer_norm_eps", 1e-6, 0, 0.1),
            head="probe" if image.flag("vision_use_head", True) else "none",
        )
