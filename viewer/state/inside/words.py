"""What the inside panel says about channels and their changes."""

import math
from collections.abc import Mapping

from common.formatting import labelled, metric_text
from viewer.state.inside.inside import Inside


def channel_words(state: Inside) -> list[str]:
    """The channel under the mouse, or else the selected one: what is said of it, the most important first."""
    shown, place = state.shown, state.place
    if shown is None or shown.channels is None or place is None:
        return []
    channels = shown.channels
    channel, *pixel = state.hovered or (state.selected,)
    if channel >= len(channels.means) or any(at >= size for at, size in zip(pixel, channels.values.shape[:0:-1])):
        return []  # meanwhile another place was chosen
    factor = state.factor(channel)
    state_of_it = "" if factor == 1 else " (off)" if factor == 0 else f" (× {factor:.2f})"
    if channels.is_vector:
        words = [f"channel {channel}{state_of_it}: {_number(channels.means[channel])}"]
    else:
        figures = f"mean {_number(channels.means[channel])}, max {_number(channels.highs[channel])}"
        words = [f"channel {channel}{state_of_it}: {figures}"]
        if pixel:
            x, y = pixel
            words[0] += f", at {x * channels.shrunk}, {y * channels.shrunk}: {_number(channels.value(channel, x, y))}"
    if not state.hovered:
        *size, count = place.shape
        if channels.is_vector:
            words.append(f"{count} numbers" if count > 1 else "1 number")
        else:
            words.append(f"{count} maps of {' × '.join(map(str, size))}")
            if channels.shrunk > 1:
                words.append(f"shown with 1/{channels.shrunk} of their pixels in a row")
    return words


def change_words(state: Inside) -> list[str]:
    """How many channels are changed and what that did, the most important first."""
    place, shown = state.place, state.shown
    if place is None or shown is None:
        return []
    count = len(state.scales)
    if not count:
        return ["No channel is changed"]
    words = [f"{count} of {place.channels} channels changed"]
    if shown.scales:
        gained = shown.figures["psnr"] - shown.plain_figures["psnr"]
        words += [f"PSNR {gained:+.2f} dB"] if math.isfinite(gained) else []
        words.append(f"mean change {shown.difference:.4f}")
    return words


def figure_words(figures: Mapping[str, float]) -> list[str]:
    """The figures of a reconstruction, from long to short, so that the first that fits can be taken."""
    names = [name for name in ("psnr", "ssim") if name in figures]
    texts = [metric_text(name, figures[name], with_unit=True) for name in names]
    return ["   ".join(labelled(name, figures[name]) for name in names), "   ".join(texts), *texts[:1]]


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.2e}"
