"""The formats of pictures that are read: the one list that messages, file dialogs and decoders follow."""

# Pillow's name → (what people call it, suffixes of its files). HEIC needs a package of its own, so it is not here.
_DECODED_BY_PILLOW = {
    "JPEG": ("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif")),
    "PNG": ("PNG", (".png",)),
    "WEBP": ("WebP", (".webp",)),
    "BMP": ("BMP", (".bmp",)),
    "GIF": ("GIF", (".gif",)),
    "TIFF": ("TIFF", (".tif", ".tiff")),
    "AVIF": ("AVIF", (".avif",)),
}
_HEIC = ("HEIC", (".heic", ".heif"))

FORMATS = tuple(_DECODED_BY_PILLOW)
"""Names of the formats that Pillow decodes by itself."""

SUFFIXES = tuple(suffix for _, suffixes in (*_DECODED_BY_PILLOW.values(), _HEIC) for suffix in suffixes)
"""Suffixes of files that count as pictures, in lower case."""


def named_formats(last: str) -> str:
    """All formats in words, such as `JPEG, PNG and GIF`.

    Args:
        last: The word before the last one: `and` or `or`.
    """
    *others, final = (name for name, _ in (*_DECODED_BY_PILLOW.values(), _HEIC))
    return f"{', '.join(others)} {last} {final}"
