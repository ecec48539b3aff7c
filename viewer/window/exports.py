"""Saves what is on screen: the open panel as it is, and the comparison as a figure with captions."""

import os
import tempfile
import time
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import dearpygui.dearpygui as dpg

from common.formatting import labelled
from viewer.capture import Column, crop, save_comparison
from viewer.state.app import AppState
from viewer.state.columns import heading
from viewer.state.error_maps import TITLES

_SECONDS_UNTIL_GIVEN_UP = 10


class Exports:
    """Writes PNG files into the current folder.

    Args:
        state: The whole state.
    """

    def __init__(self, state: AppState):
        self._state = state
        self._folder = Path(tempfile.mkdtemp(prefix="retrace-view-"))
        self._panel: tuple[Path, str, tuple[int, int, int, int], float] | None = None

    def save_panel(self, box: tuple[int, int, int, int]) -> None:
        """Saves a part (left, top, right, bottom) of the window, in pixels."""
        raw = self._folder / "window.png"
        raw.unlink(missing_ok=True)
        dpg.output_frame_buffer(str(raw))
        self._panel = (raw, self._state.panel, box, time.monotonic())

    def save_figure(self) -> None:
        """Saves the comparison with captions."""
        own = self._state.reconstruct
        original, source = own.original(), own.images.source
        results = [(at, each, each.image) for at, each in enumerate(own.results) if each and each.image is not None]
        if original is None or source is None or not results:
            self._state.say("There is nothing to save yet: open an image in the Reconstruct panel.", failure=True)
            return
        name = self._state.image_name
        # An answer that is on its way is not in the figure yet, so neither is its checkpoint.
        variants = [
            replace(variant, step=result.step) if result and result.step in dict(variant.checkpoints) else variant
            for variant, result in zip(own.variants, own.results)
        ]
        columns = [Column("Original", [name, f"{original.shape[1]} × {original.shape[0]} pixels"], original)]
        for index, result, image in results:
            names = [name for name in ("psnr", "ssim", "mse") if name in result.figures]
            caption = [own.variants[index].text_of(result.step)]
            caption += [labelled(name, result.figures[name]) for name in names]
            columns.append(Column(heading(variants, index), caption, image, own.error_image(result)))
        target = free_name("comparison")
        try:
            save_comparison(
                target,
                columns,
                f"{name}: original and {'reconstructions' if len(results) > 1 else 'reconstruction'}",
                (own.error_map, TITLES[own.error_map], *own.error_range()),
            )
        except OSError as error:
            self._state.say(f"{target}: could not be written ({error.strerror}).", failure=True)
        else:
            self._state.say(f"Saved {target}")

    def step(self) -> None:
        """Finishes what the graphics card had to deliver first."""
        if self._panel is None:
            return
        raw, panel, box, since = self._panel
        if raw.is_file() and raw.stat().st_size > 0:
            target = free_name(panel)
            try:
                crop(raw, target, box)
            except (OSError, SyntaxError):  # it is still being written
                if time.monotonic() - since < _SECONDS_UNTIL_GIVEN_UP:
                    return
                self._state.say(f"{target}: could not be written.", failure=True)
            else:
                self._state.say(f"Saved {target}")
            self._panel = None
        elif time.monotonic() - since > _SECONDS_UNTIL_GIVEN_UP:
            self._state.say("The window's picture could not be read from the graphics card.", failure=True)
            self._panel = None

    @property
    def busy(self) -> bool:
        """Whether a picture is on its way."""
        return self._panel is not None

    def close(self) -> None:
        """Removes what was kept for a moment."""
        for path in self._folder.iterdir():
            path.unlink(missing_ok=True)
        self._folder.rmdir()


def free_name(what: str) -> Path:
    """A name in the current folder that nothing has, not even a link that leads nowhere."""
    stem = f"retrace-{what}-{time.strftime('%Y%m%d-%H%M%S')}"
    suffixes = chain([""], (f"-{number}" for number in count(2)))
    return next(path for suffix in suffixes if not os.path.lexists(path := Path.cwd() / f"{stem}{suffix}.png"))
