"""Numbers in the Latent space panel."""


def signed(value: float) -> str:
    """A number with two decimals and the minus of print."""
    text = f"{value:.2f}".replace("-", "−")
    return "0.00" if text == "−0.00" else text


def number_text(value: float) -> str:
    """A number of any size, in six characters or so."""
    return signed(value) if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.2g}".replace("-", "−")
