"""Words of the Latent space panel, no longer than there is room for."""

from viewer.window.items import text_width


def fitting(text: str, width: int) -> str:
    """The text, or as much of its beginning as so many pixels hold."""
    if text_width(text) <= width:
        return text
    while text and text_width(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…" if text else ""


def signed(value: float) -> str:
    """A number with two decimals and the minus of print."""
    text = f"{value:.2f}".replace("-", "−")
    return "0.00" if text == "−0.00" else text


def number_text(value: float) -> str:
    """A number of any size, in six characters or so."""
    return signed(value) if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.2g}".replace("-", "−")
