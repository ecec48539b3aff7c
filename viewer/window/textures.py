"""Textures: a fixed stock of buffers that are drawn into, and reach the graphics card only when they have changed.

DearPyGui uploads every texture in a registry in every frame, shown or not: with software GL 0.7 ms for each megabyte.
A texture that is parked on a stage can be drawn and is not uploaded, so it is moved into the registry for two frames
after its buffer has changed: one fills the buffer on the way, the next the texture. A new one takes longer. Deleting
textures leaks, so they are given back and used again. A buffer of another size than the texture's would crash the
process: only this module knows both.
"""

from typing import TYPE_CHECKING

import dearpygui.dearpygui as dpg
import numpy as np

if TYPE_CHECKING:
    from viewer.window.pane import Pane

_SIDES = (64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
# A free texture serves where it is at most so many times as large as needed.
_WASTE = 1.7
_FRAMES, _FIRST_FRAMES = 2, 4
_REGISTRY, _STAGE = "textures", "parked textures"


class Texture:
    """A buffer of pixels that can be drawn.

    Args:
        width: Of the buffer, in pixels.
        height: Of the buffer, in pixels.
    """

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self._buffer = np.zeros((height, width, 4), np.float32)
        self.tag = dpg.add_raw_texture(
            width, height, self._buffer, format=dpg.mvFormat_Float_rgba, parent=_REGISTRY, tag=dpg.generate_uuid()
        )

    def region(self, width: int, height: int) -> np.ndarray:
        """float32 [height, width, 4], to be written: the upper left part."""
        return self._buffer[:height, :width]

    def corner(self, width: int, height: int) -> tuple[float, float]:
        """The texture coordinates of the region's lower right corner."""
        return width / self.width, height / self.height


class Textures:
    """All textures there are. One instance, made after the context and before the first frame.

    Attributes:
        panes: Everything that shows one.
    """

    def __init__(self):
        dpg.add_texture_registry(tag=_REGISTRY)
        dpg.add_stage(tag=_STAGE)
        self.panes: list[Pane] = []
        self._free: list[Texture] = []
        # Tag → frames for which it still has to be in the registry.
        self._uploading: dict[int | str, int] = {}

    def take(self, width: int, height: int) -> Texture:
        """A texture of at least this size."""
        wanted = _side(width), _side(height)
        area = wanted[0] * wanted[1]
        fitting = [each for each in self._free if each.width >= wanted[0] and each.height >= wanted[1]]
        best = min(fitting, key=lambda each: each.width * each.height, default=None)
        if best is not None and best.width * best.height <= _WASTE * area:
            self._free.remove(best)
            return best
        texture = Texture(*wanted)
        self._uploading[texture.tag] = _FIRST_FRAMES  # it is born in the registry
        return texture

    def give_back(self, texture: Texture) -> None:
        """The texture is drawn nowhere any more."""
        self._free.append(texture)

    def take_from_hidden(self) -> None:
        """Takes back what panes hold that are not shown, so that all panels together need no more than one."""
        for pane in self.panes:
            if not _is_shown(pane.tag):
                pane.release()

    def touch(self, texture: Texture) -> None:
        """The texture's buffer was written: the next frames upload it."""
        if texture.tag not in self._uploading:
            dpg.move_item(texture.tag, parent=_REGISTRY)
        self._uploading[texture.tag] = max(_FRAMES, self._uploading.get(texture.tag, 0))

    @property
    def busy(self) -> bool:
        """Whether what is on screen is not yet what the buffers hold."""
        return bool(self._uploading)

    def after_frame(self) -> None:
        """Parks what has been uploaded."""
        for tag in list(self._uploading):
            self._uploading[tag] -= 1
            if not self._uploading[tag]:
                del self._uploading[tag]
                dpg.move_item(tag, parent=_STAGE)


def _is_shown(tag: int | str) -> bool:
    """Whether an item and all that it is in are shown, drawn yet or not."""
    item: int | str | None = tag
    while item:
        if not dpg.is_item_shown(item):
            return False
        item = dpg.get_item_parent(item)
    return True


def _side(length: int) -> int:
    return next((side for side in _SIDES if side >= length), _SIDES[-1])
