"""Small transformers as Hugging Face publishes them, with weights by formula, so that no weight file is committed.

`python -m tests.architectures.backbones.published_transformers` writes the golden activations again: it needs PyTorch
and `transformers` 5.24, which neither users nor tests need.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

GOLDEN = Path(__file__).with_name("transformers.npz")
_PLAIN = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
_IMAGE = {"image_size": 16, "patch_size": 4}
_DINOV2 = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2, **_IMAGE}
# Name of the case → family, model_type, the class in `transformers`, and what config.json has besides.
CASES = {
    "vit": ("vit", "vit", "ViT", {**_PLAIN, **_IMAGE}),
    "deit": ("deit", "deit", "DeiT", {**_PLAIN, **_IMAGE, "qkv_bias": False}),
    "mae": ("mae", "vit_mae", "ViTMAE", {**_PLAIN, **_IMAGE, "mask_ratio": 0.0}),
    "dinov2": ("dinov2", "dinov2", "Dinov2", _DINOV2),
    "dinov2_registers": (
        "dinov2",
        "dinov2_with_registers",
        "Dinov2WithRegisters",
        {**_DINOV2, "num_register_tokens": 3, "use_swiglu_ffn": True},
    ),
    "dinov3": ("dinov3", "dinov3_vit", "DINOv3ViT", {**_PLAIN, **_IMAGE, "num_register_tokens": 3}),
    "dinov3_gated": (
        "dinov3",
        "dinov3_vit",
        "DINOv3ViT",
        {**_PLAIN, **_IMAGE, "num_register_tokens": 1, "use_gated_mlp": True, "hidden_act": "silu"},
    ),
    "clip": ("clip", "clip_vision_model", "CLIPVision", {**_PLAIN, **_IMAGE, "projection_dim": 6}),
    "siglip": ("siglip", "siglip_vision_model", "SiglipVision", {**_PLAIN, **_IMAGE}),
    "swin": (
        "swin",
        "swin",
        "Swin",
        {"image_size": 16, "patch_size": 2, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 3},
    ),
}
# The size that the networks were trained with, and another one.
SIZES = ((16, 16), (24, 20))


def image(size):
    """A preprocessed image, float32 [1, height, width, 3]."""
    values = np.arange(size[0] * size[1] * 3, dtype=np.float64)
    return np.sin(values * 0.37 + np.sin(values * 0.011)).astype(np.float32).reshape(1, *size, 3)


def values(name, shape):
    """The values of a tensor, which its name decides: waves of unequal phase, around 1 for scales."""
    number = zlib.crc32(name.encode()) % 9973
    waves = np.sin(np.arange(math.prod(shape), dtype=np.float64) * (0.5 + number / 9973) + number)
    scale = name.endswith(("norm.weight", "lambda1")) or ("norm" in name and name.endswith("weight"))
    return (1 + 0.3 * waves if scale else 0.35 * waves).astype(np.float32).reshape(shape)


def write(folder, case):
    """Writes config.json and model.safetensors, with tensors as the golden file lists them."""
    _, model_type, _, settings = CASES[case]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, **settings}))
    with np.load(GOLDEN) as golden:
        shapes = json.loads(str(golden["shapes"]))[case]
    save_file({name: values(name, shape) for name, shape in shapes.items()}, folder / "model.safetensors")
    return folder


def reference(case):
    """The network of `transformers`, with values by formula, and the names that it saves them under."""
    import tempfile

    import torch
    import transformers
    from safetensors.numpy import load_file

    _, _, word, settings = CASES[case]
    # CLIP's vector is that of the projection; the others have it in the plain model.
    model_class = getattr(transformers, "CLIPVisionModelWithProjection" if word == "CLIPVision" else f"{word}Model")
    model = model_class(getattr(transformers, f"{word}Config")(**settings)).eval()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        shapes = {name: list(value.shape) for name, value in load_file(f"{folder}/model.safetensors").items()}
        save_file(
            {name: values(name, shape) for name, shape in shapes.items()},
            f"{folder}/model.safetensors",
            {"format": "pt"},
        )
        model = model_class.from_pretrained(folder).eval()
    torch.set_grad_enabled(False)
    return model, shapes


def activations(case, model, size):
    """Tap → activation, as `transformers` computes it."""
    import torch

    family, _, word, settings = CASES[case]
    pixels = torch.tensor(image(size).transpose(0, 3, 1, 2))
    options = {"output_hidden_states": True}
    count = (size[0] // settings["patch_size"]) * (size[1] // settings["patch_size"])
    if size != (settings["image_size"],) * 2 and word in ("ViT", "DeiT", "ViTMAE", "CLIPVision", "SiglipVision"):
        options["interpolate_pos_encoding"] = True
    if family == "mae":  # keeps the order of patches
        options["noise"] = torch.arange(count)[None] / count
    if family == "swin":
        return _of_swin(model, pixels)
    found = model(pixels, **options)
    taps = {}
    for name, states in zip(("patches", "block_1", "block_2"), found.hidden_states):
        taps |= _apart(name, states.numpy(), count, family)
    if family != "clip":  # whose patches are not normalised there
        taps |= _apart("output", found.last_hidden_state.numpy(), count, family)
    pooled = {"clip": "image_embeds", "siglip": "pooler_output"}.get(family)
    taps["embedding"] = (found[pooled] if pooled else found.last_hidden_state[:, 0]).numpy()
    return taps


def _apart(name, states, count, family):
    first = states.shape[1] - count
    taps = {f"{name}.tokens": states[:, first:]}
    if family != "siglip":
        taps[f"{name}.class"] = states[:, 0]
    if family == "deit":
        taps[f"{name}.distillation"] = states[:, 1]
    elif first > 1:
        # One register is a vector, as the class token is.
        taps[f"{name}.registers"] = states[:, 1:first] if first > 2 else states[:, 1]
    return taps


def _of_swin(model, pixels):
    taps = {}

    def keep(name):
        return lambda module, given, found: taps.update({name: (found[0] if type(found) is tuple else found).numpy()})

    hooks = [model.embeddings.register_forward_hook(keep("patches.tokens"))]
    number = 0
    for module in model.modules():
        if type(module).__name__ == "SwinLayer":
            number += 1
            hooks.append(module.register_forward_hook(keep(f"block_{number}.tokens")))
        if type(module).__name__ == "SwinPatchMerging":
            hooks.append(module.register_forward_hook(keep("merge_1.tokens")))
    found = model(pixels)
    for hook in hooks:
        hook.remove()
    return {**taps, "output.tokens": found.last_hidden_state.numpy(), "embedding": found.pooler_output.numpy()}


def sampled(activation):
    """What the golden file keeps of an activation: 24 values from all over it, and the mean of all, float32 [25]."""
    flat = activation.astype(np.float64).ravel()
    return np.append(flat[np.arange(24) * 7919 % len(flat)], flat.mean()).astype(np.float32)


def main():
    golden, shapes, names = {}, {}, {}
    for case in CASES:
        model, shapes[case] = reference(case)
        for size in SIZES:
            found = activations(case, model, size)
            names[case] = list(found)
            golden[f"{case}/{size[0]}"] = np.stack([sampled(activation) for activation in found.values()])
    np.savez_compressed(GOLDEN, shapes=json.dumps(shapes), names=json.dumps(names), **golden)
    print(GOLDEN.stat().st_size)


if __name__ == "__main__":
    main()
