"""The one convention on the values of images, and the words by which people try to write another."""

import re

from builders.spec.nodes import Path

REASON = (
    "images, targets and reconstructions are in [0, 1] everywhere outside an encoder, and every backbone normalises "
    "its own input; remove it"
)
_WORDS = re.compile(r"(de)?normali[sz]\w*|standardi[sz]\w*|rescal\w*|pre_?process\w*|imagenet\w*|means?|stds?|\w*range")
_SECTIONS = ("dataset", "encoder", "decoder", "loss", "training")


def range_reason(path: Path, key: str) -> str:
    """The reason against a key that would change the range of images; empty for any other.

    Args:
        path: Where the key stands.
        key: A key that the language does not have.
    """
    inside = {"layers", "source"} & set(path) or (path and path[0] not in _SECTIONS)
    return "" if inside or not _WORDS.fullmatch(key.lower()) else f": {REASON}"
