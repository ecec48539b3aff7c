"""A spec of which only the encoder counts: for looking into networks without a whole experiment."""

from builders.spec.nodes import DEFAULT, Node, from_plain

_KEPT = ("version", "seed", "variables", "encoder")
# What a spec must hold besides. Whoever loads an encoder alone never looks at these.
_STAND_INS = {"decoder": {"layers": [{"Identity": {}}]}, "loss": {"mse": {}}}


def encoder_alone(merged: Node) -> Node:
    """The tree with `encoder`, `dataset.image`, `seed` and `variables`; all else becomes a stand-in.

    The dataset's source stays where the size of images is unset, because it may know one.
    """
    dataset = merged.get("dataset")
    image = dataset.get("image") if dataset is not None else None
    size = image.get("size") if image is not None else None
    source = dataset.get("source") if dataset is not None and (size is None or size.value is None) else None
    parts = {"source": source or from_plain({"photos": {}}, DEFAULT), "image": image}
    kept = {key: item for key, item in merged.value.items() if key in _KEPT}
    around = dataset if dataset is not None and dataset.is_mapping else Node({}, merged.place)
    kept["dataset"] = around.with_items({key: item for key, item in parts.items() if item is not None})
    return merged.with_items({**kept, **{key: from_plain(value, DEFAULT) for key, value in _STAND_INS.items()}})
