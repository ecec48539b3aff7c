"""The Inside panel, driven with mouse and keyboard, checked in the state and on the screen."""

import numpy as np
import pytest

from tests.viewer.driver import needs_display
from tests.viewer.reconstruct.test_panel import compare, shown_at
from viewer.core.drawing import mapped
from viewer.inside.channels import Mosaic

pytestmark = needs_display

OWN = "app.state.inside"
# Nothing is awaited, and what is on screen is what was chosen last.
DONE = (
    f"{OWN}.shown is not None and app.worker.waiting() is None and {OWN}.shown.scales == {OWN}.scales "
    f"and {OWN}.shown.key[0] == app.state.images.source and {OWN}.shown.key[3] == {OWN}.place.name"
)


class Maps:
    """The mosaic on the screen, and where its maps are."""

    def __init__(self, viewer):
        self.viewer = viewer
        self.values = np.array(viewer.ask(f"{OWN}.shown.channels.values.tolist()"), np.float32)
        self.size = tuple(round(side) for side in viewer.ask("rect('inside maps')")[2:])
        self.mosaic = Mosaic.fitting(*self.values.shape, self.size)

    def share(self, channel, x, y):
        """Where a pixel of a map is, in shares of the pane, while all is shown."""
        left, top, right, bottom = self.mosaic.box(channel, (x, y))
        across, down = self.mosaic.size
        scale = min(self.size[0] / across, self.size[1] / down)
        along = ((left + right) / 2 * across * scale + (self.size[0] - across * scale) / 2) / self.size[0]
        return along, ((top + bottom) / 2 * down * scale + (self.size[1] - down * scale) / 2) / self.size[1]

    def seen(self, channel, screen):
        """What is on the screen at each pixel of a map, uint8 [height, width, 3]."""
        picture = part(self.viewer, "inside maps", screen)
        _, height, width = self.values.shape
        places = [[self.share(channel, x, y) for x in range(width)] for y in range(height)]
        return np.array([[picture[int(y * self.size[1]), int(x * self.size[0])] for x, y in row] for row in places])


def part(viewer, tag, screen):
    """What an item looks like on a screenshot."""
    left, top, width, height = (round(value) for value in viewer.ask(f"rect({tag!r})"))
    return screen[top : top + height, left : left + width]


def array(viewer, name):
    return np.array(viewer.ask(f"{OWN}.shown.{name}.tolist()"), np.float32)


def test_a_person_at_the_panel(shared_viewer):
    viewer = compare(shared_viewer, "maps")
    viewer.ask("app.state.images.open_from_gallery(0)")
    viewer.key("3")
    viewer.wait(DONE, 60)
    viewer.move(5, 5)
    assert viewer.ask("dpg.get_value('inside place')") == "code · 14×14×12"
    maps = Maps(viewer)

    # Every map has the colours of its values, and the images are where they should be.
    strongest = int(maps.values.max(axis=(1, 2)).argmax())
    other = int(maps.values.max(axis=(1, 2)).argsort()[-2])
    wanted = mapped("absolute", maps.values[strongest], 0, maps.values[strongest].max())
    screen = viewer.screen("maps")
    assert np.abs(maps.seen(strongest, screen)[1:-1, 1:-1] - np.round(wanted * 255)[1:-1, 1:-1]).max() <= 6
    size = viewer.ask("rect('inside changed')")[2:]
    for pane, name in (("original", "original"), ("plain", "plain"), ("changed", "plain")):
        seen, image = shown_at(part(viewer, f"inside {pane}", screen), array(viewer, name), size)
        assert np.abs(seen - image).max() <= 2

    # What is under the mouse is told; a click chooses it.
    viewer.move(*viewer.place("inside maps", *maps.share(strongest, 6, 9)))
    text = viewer.ask("dpg.get_value('inside words')")
    assert text.startswith(f"channel {strongest}: mean {maps.values[strongest].mean():.3g}, max")
    assert text.endswith(f"at 6, 9: {maps.values[strongest, 9, 6]:.3g}")
    viewer.click("inside maps", *maps.share(strongest, 6, 9))
    assert viewer.ask(f"{OWN}.selected") == strongest

    # The slider changes it, and the reconstruction follows; one drag is one change.
    viewer.drag(viewer.place("inside factor", 0.34), viewer.place("inside factor", 0.02))
    viewer.wait(f"{DONE} and {OWN}.shown.scales")
    assert viewer.ask(f"{OWN}.factor({strongest})") < 0.1
    plain, changed = array(viewer, "plain"), array(viewer, "changed")
    assert np.abs(changed - plain).max() > 0.01
    viewer.move(5, 5)
    seen, image = shown_at(viewer.part("inside changed", "changed"), changed, size)
    assert np.abs(seen - image).max() <= 2
    assert "1 of 12 channels changed: PSNR" in viewer.ask("dpg.get_value('inside changes')")
    viewer.key("ctrl+z")
    viewer.wait(f"{DONE} and not {OWN}.scales")
    assert np.array_equal(array(viewer, "changed"), plain)
    viewer.hand("keydown", "ctrl")
    viewer.click("inside factor")
    viewer.hand("keyup", "ctrl")
    viewer.key("ctrl+a")
    viewer.type("2.5")
    viewer.key("Return")
    viewer.wait(f"{OWN}.scales == (({strongest}, 2.5),)")
    assert viewer.ask("app.state.panel") == "inside"  # digits that are typed are no shortcuts

    # A click with Ctrl switches a map off: it is dimmed, and struck through. So do the buttons.
    on = maps.seen(other, screen).astype(float)
    viewer.click("inside maps", *maps.share(other, 7, 7), key="ctrl")
    assert viewer.ask(f"[{OWN}.factor({other}), {OWN}.selected]") == [0, other]
    viewer.move(5, 5)
    off = maps.seen(other, viewer.screen("off"))
    rows, columns = np.indices(off.shape[:2])
    beside = np.abs(rows + columns - 13) > 3
    ground = np.array(viewer.ask("app._looks.palette.picture"))
    assert np.abs(off - (0.3 * on + 0.7 * ground))[1:-1, 1:-1][beside[1:-1, 1:-1]].max() <= 3
    assert (off[7, 6] == viewer.ask("app._looks.palette.failure")).all()
    assert viewer.ask("dpg.get_item_label('inside off')") == "On"
    viewer.click("inside only")
    viewer.wait(f"{DONE} and len({OWN}.scales) == 11")
    viewer.click("inside reset")
    viewer.wait(f"{DONE} and not {OWN}.scales")
    viewer.key("ctrl+z", "ctrl+z")
    viewer.wait(f"{DONE} and {OWN}.scales == {tuple(sorted([(strongest, 2.5), (other, 0.0)]))}")

    # Changes stay with the next image.
    first = viewer.ask("app.state.images.source.position")
    viewer.key("Right")
    viewer.wait(f"app.state.images.source.position != {first} and {DONE}")
    assert len(viewer.ask(f"{OWN}.shown.scales")) == 2
    assert np.abs(array(viewer, "original") - plain).max() > 0.1

    # Wheel and drag.
    spot = maps.share(7, 3, 8)
    viewer.move(*viewer.place("inside maps", *spot))
    viewer.wheel(4)
    assert viewer.ask(f"{OWN}.views['maps'].zoom") == pytest.approx(1.25**4)
    assert viewer.ask(f"{OWN}.hovered") == [7, 3, 8]  # what was under the mouse is there still
    x = viewer.ask(f"{OWN}.views['maps'].x")
    middle = viewer.place("inside maps")
    viewer.drag(middle, (middle[0] + 60, middle[1]))
    assert viewer.ask(f"{OWN}.views['maps'].x") < x
    assert viewer.ask(f"{OWN}.selected") == other  # dragging chooses nothing
    viewer.key("0")
    assert viewer.ask(f"{OWN}.views['maps'].zoom") == 1

    # The other layers, on one scale for all maps, the strongest first.
    viewer.ask(
        f"[{OWN}.set_place('decoder/decoder_0_upsampling2d'), {OWN}.set_shared(True), {OWN}.set_order('strength')]"
    )
    viewer.wait(DONE)
    strengths = np.array(viewer.ask(f"{OWN}.shown.channels.strengths.tolist()"))
    top = int(strengths.argmax())
    maps = Maps(viewer)
    assert maps.values.shape == (12, 28, 28)
    viewer.move(*viewer.place("inside maps", *maps.share(0, 14, 14)))
    assert viewer.ask(f"{OWN}.hovered") == [top, 14, 14]
    viewer.move(5, 5)
    wanted = np.round(mapped("absolute", maps.values[top], 0, maps.values.max()) * 255)
    assert np.abs(maps.seen(0, viewer.screen("strongest"))[2:-2, 2:-2] - wanted[2:-2, 2:-2]).max() <= 6

    # The diagram lies on paper; it can be zoomed into.
    viewer.click("inside mode diagram")
    viewer.wait(f"{OWN}.diagram is not None", 30)
    viewer.move(5, 5)
    paper = viewer.part("inside diagram", "diagram")
    assert (paper[[0, -1]] >= 254).all() and 0.01 < (paper < 128).any(axis=-1).mean() < 0.5
    viewer.move(*viewer.place("inside diagram", 0.4, 0.4))
    viewer.wheel(4)
    viewer.move(5, 5)
    closer = viewer.part("inside diagram", "closer")
    assert viewer.ask(f"{OWN}.views['diagram'].zoom") == pytest.approx(1.25**4)
    assert np.abs(closer.astype(int) - paper).mean() > 3
    viewer.key("0")
    viewer.click("inside mode maps")
    viewer.wait(DONE)
    assert viewer.ask(f"{OWN}.views['diagram'].zoom") == 1
