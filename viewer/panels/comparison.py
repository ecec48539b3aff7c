"""The panes of the Reconstruct panel: the original, and for each run its reconstruction and where it errs."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.colours import scale_bar
from viewer.pixels import Picture
from viewer.state.reconstruction import MOST_VARIANTS, Reconstruction, Result
from viewer.state.view import View, pixel_at
from viewer.window.items import set_text, text_width
from viewer.window.pane import Pane
from viewer.window.textures import Textures
from viewer.window.theme import Looks
from viewer.words import figure_label, figure_text, shortened

_GRIP = 9
_WHEEL_STEP = 1.25
_CHARACTER = 7.6


class Comparison:
    """See the module. Everything lies at computed places of one area.

    Args:
        state: The state of the panel.
        looks: Themes and sizes.
        textures: Where pixels come from.
        waiting: Whether an answer about a topic is awaited.
    """

    def __init__(self, state: Reconstruction, looks: Looks, textures: Textures, waiting: Callable[[str], object]):
        self._state, self._looks, self._waiting = state, looks, waiting
        self._pictures: dict[str, tuple[object, Picture]] = {}
        self._size = (1, 1)
        self._shown: tuple | None = None
        self._drag: tuple[str, Pane, View, tuple[float, float]] | None = None
        with dpg.child_window(tag="comparison", no_scrollbar=True, no_scroll_with_mouse=True):
            dpg.add_text("", tag="comparison hint", wrap=0)
            dpg.add_text("Original", tag="original title")
            dpg.add_text("", tag="original name")
            self._original = Pane(textures, "original")
            dpg.add_text("", tag="error title")
            dpg.add_text("", tag="error low")
            dpg.add_text("", tag="error high")
            self._bar = Pane(textures, "error scale")
            self._images, self._errors = [], []
            for index in range(MOST_VARIANTS):
                dpg.add_text("", tag=f"variant title {index}")
                dpg.add_button(
                    label="×",
                    tag=f"variant remove {index}",
                    user_data=index,
                    callback=lambda sender, data, index: state.remove(index),
                )
                dpg.add_slider_int(
                    tag=f"variant checkpoint {index}", user_data=index, callback=self._moved, no_input=True
                )
                dpg.add_text("", tag=f"variant step {index}")
                self._images.append(Pane(textures, f"reconstruction {index}"))
                self._errors.append(Pane(textures, f"error {index}"))
                dpg.add_text("", tag=f"variant figures {index}")
                dpg.add_text("", tag=f"variant message {index}", wrap=100)
            dpg.add_text("", tag="cursor values")

    # Layout

    def layout(self, width: int, height: int) -> None:
        """Takes its place, in pixels."""
        dpg.configure_item("comparison", width=width, height=height)
        dpg.bind_item_theme("comparison", self._looks.bare())
        self._size = (width, height)
        self._shown = None

    def _arrange(self) -> None:
        """Computes where everything lies, by the number of columns."""
        px, count = self._looks.px, len(self._state.variants)
        width, height = self._size
        gap, line = px(10), px(24)
        head, foot = 2 * line + px(6), line
        single = count <= 1
        columns = 3 if single else count + 1
        pane_width = (width - (columns - 1) * gap) // columns
        if single:
            pane_height = min(height - head - 3 * line - foot, round(pane_width * 1.2))
        else:
            pane_height = min((height - head - 2 * line - foot) // 2, round(pane_width * 1.2))
        lefts = [column * (pane_width + gap) for column in range(columns)]

        def put(tag: str, x: int, y: int, shown: bool = True) -> None:
            dpg.configure_item(tag, pos=(x, y), show=shown)

        put("original place", lefts[0], head)
        self._original.resize(pane_width, pane_height)
        put("original title", 0, 0)
        put("original name", 0, line)
        below = head + pane_height + px(4)
        error_x, error_y = (lefts[2], head) if single else (lefts[1], below + line)
        bar_x, bar_y = (lefts[2], below) if single else (0, error_y + line + px(4))
        bar_width, bar_height = pane_width, px(12)
        put("error title", *((lefts[2], 0) if single else (0, error_y)))
        put("error scale place", bar_x, bar_y)
        self._bar.resize(bar_width, bar_height)
        put("error low", bar_x, bar_y + bar_height + px(2))
        high = bar_x + bar_width - text_width(f"{self._state.error_range()[1]:.3g}")
        put("error high", high, bar_y + bar_height + px(2))
        for index in range(MOST_VARIANTS):
            shown = index < count
            x = lefts[1 + index] if shown else 0
            put(f"variant title {index}", x, 0, shown)
            put(f"variant remove {index}", x + pane_width - px(22), -px(2), shown and not single)
            several = shown and len(self._state.variants[index].checkpoints) > 1
            put(f"variant checkpoint {index}", x, line, several)
            dpg.configure_item(f"variant checkpoint {index}", width=pane_width)
            put(f"variant step {index}", x, line, shown and not several)
            put(f"reconstruction {index} place", x, head, shown)
            put(f"error {index} place", error_x if single else x, error_y, shown)
            put(f"variant figures {index}", x, below, shown)
            put(f"variant message {index}", x + px(10), head + px(10), False)
            dpg.configure_item(f"variant message {index}", wrap=x + pane_width - px(10))
            if shown:
                self._images[index].resize(pane_width, pane_height)
                self._errors[index].resize(pane_width, pane_height)
        put("cursor values", 0, height - line)

    # Drawing

    def draw(self) -> None:
        """Brings the screen up to date."""
        state, looks = self._state, self._looks
        waiting = tuple(self._waiting(f"reconstruct {index}") is not None for index in range(len(state.variants)))
        shown = (state.version, looks.theme, looks.scale, self._size, waiting)
        if shown != self._shown:
            self._shown = shown
            there = bool(state.variants)
            set_text("comparison hint", "" if there else state.message, looks.text("quiet"))
            self._show_all(there)
            if there:
                self._arrange()
                self._draw_original()
                self._draw_scale()
                for index in range(len(state.variants)):
                    self._draw_variant(index, waiting[index])
        self._draw_cursor()

    def _show_all(self, there: bool) -> None:
        dpg.configure_item("comparison hint", show=not there)
        if not there:
            names = ["original title", "original name", "original place", "error title", "error low", "error high"]
            parts = ("title", "remove", "checkpoint", "step", "figures", "message")
            names += [f"variant {part} {index}" for part in parts for index in range(MOST_VARIANTS)]
            names += [f"{pane} {index} place" for pane in ("reconstruction", "error") for index in range(MOST_VARIANTS)]
            for name in [*names, "error scale place", "cursor values"]:
                dpg.configure_item(name, show=False)

    def _draw_original(self) -> None:
        state, looks = self._state, self._looks
        array = state.original()
        picture = self._picture("original", array)
        self._original.show(picture, state.view, looks.palette.picture_ground)
        set_text("original title", "Original", looks.text("text"))
        size = "" if array is None else f" · {array.shape[1]} × {array.shape[0]}"
        source = state.images.source
        name = source.label if source else "choose an image on the left"
        most = int(self._original.width / (_CHARACTER * looks.scale)) - len(size)
        set_text("original name", shortened(name, max(8, most)) + size, looks.text("quiet"))

    def _draw_scale(self) -> None:
        state, looks = self._state, self._looks
        low, high = state.error_range()
        titles = {
            "absolute": "Absolute error",
            "signed": "Signed error: blue too dark, red too bright",
            "ssim": "Local SSIM",
        }
        title = titles[state.error_map]
        fits = int(self._bar.width / (_CHARACTER * looks.scale))
        set_text("error title", title if len(title) <= fits else title.partition(":")[0], looks.text("text"))
        set_text("error low", f"{low:.3g}", looks.text("quiet"))
        set_text("error high", f"{high:.3g}", looks.text("quiet"))
        size = self._bar.width, self._bar.height
        bar = self._picture("bar", None, lambda: scale_bar(state.error_map, *size), key=(state.error_map, size))
        self._bar.show(bar, View(), looks.palette.picture_ground)

    def _draw_variant(self, index: int, waiting: bool) -> None:
        state, looks = self._state, self._looks
        variant, result = state.variants[index], state.results[index]
        ground = looks.palette.picture_ground
        most = int(self._images[index].width / (_CHARACTER * looks.scale)) - 3
        set_text(f"variant title {index}", shortened(variant.title, max(8, most)), looks.text("text"))
        slider = f"variant checkpoint {index}"
        last = len(variant.checkpoints) - 1
        # A percent sign would be read as the place of a number.
        dpg.configure_item(slider, min_value=0, max_value=max(1, last), format=variant.checkpoint_text.replace("%", ""))
        dpg.set_value(slider, variant.position)
        set_text(f"variant step {index}", variant.checkpoint_text, looks.text("quiet"))
        image = None if result is None else result.image
        other = self._picture(f"original {index}", None if result is None else result.original)
        picture = self._picture(f"image {index}", image)
        self._images[index].show(picture, state.view, ground, other, state.split)
        error = self._error_picture(index, result)
        self._errors[index].show(error, state.view, ground)
        self._draw_words(index, result, waiting)

    def _draw_words(self, index: int, result: Result | None, waiting: bool) -> None:
        looks = self._looks
        if result is not None and result.figures:
            names = [name for name in ("psnr", "ssim", "mse") if name in result.figures]
            texts = [f"{figure_label(name)} {figure_text(name, result.figures[name])}" for name in names]
            most = int(self._images[index].width / (_CHARACTER * looks.scale))
            while len(texts) > 1 and len("   ".join(texts)) > most:
                texts.pop()
            set_text(f"variant figures {index}", "   ".join(texts), looks.text("quiet" if waiting else "text"))
        else:
            set_text(f"variant figures {index}", "at work …" if waiting else "", looks.text("quiet"))
        message = result.error if result is not None else ""
        dpg.configure_item(f"variant message {index}", show=bool(message))
        set_text(f"variant message {index}", message, looks.text("failure"))

    def _picture(self, name: str, array: np.ndarray | None, make=None, key: object = None) -> Picture | None:
        """A picture that is made anew only where its array is another one."""
        key = array if make is None else key
        if key is None:
            return None
        kept = self._pictures.get(name)
        if kept is None or (kept[0] is not key and (make is None or kept[0] != key)):
            kept = (key, Picture(make() if make else array))
            self._pictures[name] = kept
        return kept[1]

    def _error_picture(self, index: int, result: Result | None) -> Picture | None:
        if result is None or self._state.error_values(result) is None:
            return None
        key = (id(result), self._state.error_map, self._state.error_range())
        return self._picture(f"error {index}", None, lambda: self._state.error_image(result), key=key)

    # The mouse

    def _panes(self) -> list[tuple[Pane, Picture | None]]:
        found = [(self._original, self._pictures.get("original"))]
        for index in range(len(self._state.variants)):
            found += [
                (self._images[index], self._pictures.get(f"image {index}")),
                (self._errors[index], self._pictures.get(f"image {index}")),
            ]
        return [(pane, kept and kept[1]) for pane, kept in found]

    def _under_mouse(self) -> tuple[Pane, Picture, tuple[float, float]] | None:
        for pane, picture in self._panes():
            if picture is not None and (mouse := pane.mouse()) is not None:
                return pane, picture, mouse
        return None

    def wheel(self, steps: float) -> bool:
        """The mouse wheel was turned; whether it was meant for a pane."""
        found = self._under_mouse()
        if found is None:
            return False
        pane, picture, mouse = found
        size = (picture.width, picture.height)
        self._state.set_view(self._state.view.zoomed(_WHEEL_STEP**steps, (pane.width, pane.height), size, mouse))
        return True

    def press(self) -> bool:
        """The mouse was pressed; whether on a pane."""
        found = self._under_mouse()
        if found is None:
            return False
        pane, picture, mouse = found
        state = self._state
        if state.split is not None and pane in self._images:
            at = state.view.to_pane((pane.width, pane.height), (picture.width, picture.height), (state.split, 0))[0]
            if abs(mouse[0] - at) <= self._looks.px(_GRIP):
                self._drag = ("divider", pane, state.view, mouse)
                return True
        self._drag = ("view", pane, state.view, mouse)
        return True

    def drag(self) -> None:
        """The mouse may have moved with its button held."""
        if self._drag is None:
            return
        if not dpg.is_mouse_button_down(dpg.mvMouseButton_Left):
            self._drag = None
            return
        kind, pane, view, start = self._drag
        picture = next((picture for each, picture in self._panes() if each is pane), None)
        if picture is None:
            return
        mouse = pane.mouse_anywhere()
        size, image = (pane.width, pane.height), (picture.width, picture.height)
        if kind == "divider":
            self._state.set_split(self._state.view.to_share(size, image, mouse)[0])
        else:
            self._state.set_view(view.panned(size, image, (mouse[0] - start[0], mouse[1] - start[1])))

    def _draw_cursor(self) -> None:
        found = self._under_mouse() if self._drag is None else None
        state = self._state
        if found is None:
            state.cursor = None
        else:
            pane, picture, mouse = found
            share = state.view.to_share((pane.width, pane.height), (picture.width, picture.height), mouse)
            state.cursor = share if pixel_at(share, (picture.width, picture.height)) is not None else None
        for pane, picture in self._panes():
            box = None
            if picture is not None and state.cursor is not None:
                box = _box_of(state.view, pane, picture, state.cursor)
            pane.mark(box)
        for pane, picture in self._panes():
            if pane in self._images:
                at = None
                if state.split is not None and picture is not None:
                    size, image = (pane.width, pane.height), (picture.width, picture.height)
                    at = min(pane.width, max(0.0, state.view.to_pane(size, image, (state.split, 0))[0]))
                pane.show_divider(at)
        text = "   ·   ".join(state.values_at_cursor())
        if dpg.get_value("cursor values") != text:
            set_text("cursor values", text, self._looks.text("quiet"))

    def _moved(self, sender, position: int, index: int) -> None:
        variant = self._state.variants[index]
        if position < len(variant.checkpoints):
            self._state.set_checkpoint(index, variant.checkpoints[position][0])


def _box_of(view: View, pane: Pane, picture: Picture, share: tuple[float, float]):
    """The frame of the pixel at a point, where pixels are large enough to be told apart."""
    size, image = (pane.width, pane.height), (picture.width, picture.height)
    at = pixel_at(share, image)
    if at is None or view.placed(size, image)[0] < 3:
        return None
    left, top = view.to_pane(size, image, (at[0] / image[0], at[1] / image[1]))
    right, bottom = view.to_pane(size, image, ((at[0] + 1) / image[0], (at[1] + 1) / image[1]))
    if right < 0 or bottom < 0 or left > pane.width or top > pane.height:
        return None
    return max(0.0, left), max(0.0, top), min(pane.width, right), min(pane.height, bottom)
