"""Names of networks that torchvision and timm have and this project has not: what to use in their place."""

import re
from collections.abc import Collection

# Pattern of a name, with underscores → the nearest networks, best first; a spec is shown the first that there is.
_FAMILIES = (
    (r"(tv_|wide_|wide)?resnet_?(18|26|34|50|101|152|200)\w*|resnext\w+|se_?resne[tx]t?\w+", ("torchvision_resnet50",)),
    (r"resnetv2\w*|(inception|googlenet|xception)\w*|(nf|reg)net\w*", ("resnet50v2", "resnet50")),
    (r"vgg_?19\w*", ("vgg19",)),
    (r"vgg_?(11|13|16)\w*", ("vgg16",)),
    (r"(tf_)?efficientnet_?lite\w*", ("efficientnet_lite2", "efficientnet_lite0")),
    (r"(tf_)?efficientnet_?(b\d|v2)\w*", ("efficientnet_b0",)),
    (r"convnext(v2)?_(tiny|atto|femto|pico|nano|small|base|large|xlarge|xxlarge)\w*", ("convnext_tiny",)),
    (r"densenet_?(161|169|201|264)\w*", ("densenet121",)),
    (r"(mobilenet|mnasnet|shufflenet|squeezenet|ghostnet)\w*", ("mobilenet_v2",)),
    (r"dino_?v3\w*", ("dinov3", "dinov2", "vit")),
    (r"dino\w*", ("dinov2", "vit")),
    (r"siglip\w*", ("siglip", "clip", "vit")),
    (r"(open_?)?clip\w*", ("clip", "siglip", "vit")),
    (r"swin\w*", ("swin", "vit")),
    (r"deit\w*", ("deit", "vit")),
    (r"mae\w*", ("mae", "vit")),
    (r"(vit|beit|eva)(_\w+|\d+)", ("vit",)),
)


def other_network(name: str, known: Collection[str]) -> str:
    """The end of the message for a network that is elsewhere: the nearest one, and how to bring the network itself.

    Args:
        name: What a spec has as backbone.
        known: The backbones that there are.

    Returns:
        Text that begins with `;`. Empty where the name is not one of torchvision's or timm's.
    """
    plain = re.sub(r"[-./ ]", "_", name[:60].lower())
    for pattern, candidates in _FAMILIES:
        if re.fullmatch(pattern, plain):
            near = next((candidate for candidate in candidates if candidate in known), None)
            lead = f"did you mean '{near}', the nearest network here?" if near else "no network of its kind is here."
            return f"; {lead} Or export it to ONNX, and use backbone: {{onnx: {{path: {plain}.onnx}}}}"
    return ""
