"""Light and dark, and type of another size."""

import numpy as np
import pytest

from tests.viewer.driver import needs_display
from tests.viewer.reconstruct.test_panel import compare, result, shown_at

pytestmark = needs_display


def outside(viewer):
    """Items on the screen that reach over the window's edge: [tag, right, bottom]."""
    return viewer.ask(
        "[(dpg.get_item_alias(item) or item, state['rect_max']) "
        "for item in dpg.get_all_items() for state in [dpg.get_item_state(item)] "
        "if state.get('visible') and 'rect_max' in state and dpg.is_item_shown(item) "
        "and (state['rect_max'][0] > dpg.get_viewport_client_width() + 1 "
        "or state['rect_max'][1] > dpg.get_viewport_client_height() + 1)]"
    )


def test_light_and_large(shared_viewer):
    viewer = compare(shared_viewer, "colour", "narrow")
    for theme, ground, text in (("dark", (25, 27, 33), 180), ("light", (250, 250, 252), 90)):
        if viewer.ask("app.state.settings.theme") != theme:
            viewer.click("theme")
        viewer.move(5, 5)
        screen = viewer.screen(theme)
        assert (np.abs(screen[330:690, 600:1190].reshape(-1, 3).astype(int) - ground).max(axis=-1) <= 1).mean() > 0.3
        title = viewer.part("original title", theme)
        ink = title.mean(axis=-1).max() if theme == "dark" else 255 - title.mean(axis=-1).min()
        assert ink > text
    assert viewer.ask("dpg.get_item_label('theme')") == "Dark"

    # 150 %, by the list at the top right: every entry is as high as its text and the space between entries.
    width, height = viewer.ask("rect('original title')")[2:]
    assert outside(viewer) == []
    viewer.click("scale")
    x, y = viewer.place("scale", 0.5, 1.0)
    viewer.move(x, round(y + 10 + 3.4 * 22))
    viewer.hand("click", 1)
    viewer.wait("app.state.settings.scale == 1.5")
    viewer.settle()
    viewer.wait("app.state.reconstruct.answered")
    larger = viewer.ask("rect('original title')")[2:]
    assert larger[0] / width == pytest.approx(1.5, abs=0.1) and larger[1] / height == pytest.approx(1.5, abs=0.1)
    assert viewer.ask("rect('image side')")[2] == pytest.approx(1.5 * 236, abs=2)
    viewer.move(5, 5)
    assert outside(viewer) == []
    size = viewer.ask("rect('reconstruction 0')")[2:]
    for index in (0, 1):
        seen, wanted = shown_at(viewer.part(f"reconstruction {index}", "large"), result(viewer, index), size)
        assert np.abs(seen - wanted).max() <= 2
    # The list of runs too.
    viewer.key("1")
    viewer.settle()
    viewer.screen("large runs")
    assert outside(viewer) == []

    # Type never grows larger than the window has room for, and comes back with the room.
    for scale, size, shown, panels in ((3.0, (690, 420), 1.0, "1234"), (3.0, (1200, 700), 1.5, "34")):
        viewer.ask(f"app.state.set_scale({scale})")
        viewer.ask(f"dpg.configure_viewport(0, width={size[0]}, height={size[1]})")
        viewer.wait(f"dpg.get_viewport_client_width() == {size[0]} and app._looks.scale == {shown}")
        for panel in panels:
            viewer.key(panel)
            viewer.wait("app.worker.waiting() is None")
            viewer.settle()
            reaching = [tag for tag, _ in outside(viewer) if not str(tag).startswith("curves")]  # those are scrolled
            assert reaching == [], (scale, size, panel)
