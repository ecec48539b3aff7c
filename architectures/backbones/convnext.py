"""ConvNeXt-Tiny."""

import keras

from architectures.backbones.applications import ADDRESS, Application
from architectures.weights.files import RemoteFile
from architectures.weights.preprocessing import BYTES
from common.registry import BACKBONES

_DEPTHS = (3, 3, 9, 3)


@BACKBONES.register("convnext_tiny")
class ConvNeXtTiny(Application):
    """ConvNeXt-Tiny: 7×7 depthwise convolutions in four stages. Taps such as `convnext_tiny_stage_1_block_2_add`.

    Liu et al., "A ConvNet for the 2020s", arXiv 2201.03545.
    """

    name = "convnext_tiny"
    preprocessing = BYTES
    constructor = keras.applications.ConvNeXtTiny
    published = RemoteFile(
        f"{ADDRESS}convnext/convnext_tiny.h5", "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff"
    )
    published_without_head = RemoteFile(
        f"{ADDRESS}convnext/convnext_tiny_notop.h5", "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"
    )
    head = ("convnext_tiny_head_layernorm", "convnext_tiny_head_dense")

    def tap_names(self, network: keras.Model) -> dict[str, str]:
        names = super().tap_names(network)
        # Keras leaves the sums that end the blocks unnamed.
        sums = [name for name, stable in names.items() if stable.split("_")[0] == "add"]
        blocks = [(stage, block) for stage, depth in enumerate(_DEPTHS) for block in range(depth)]
        return names | {
            name: f"convnext_tiny_stage_{stage}_block_{block}_add" for name, (stage, block) in zip(sums, blocks)
        }
