"""The Latent space panel, driven with mouse and keyboard, checked in the state and on the screen."""

import numpy as np
import pytest

from run_directory.run import list_runs
from tests.viewer.driver import needs_display
from tests.viewer.reconstruct.test_panel import compare, shown_at

pytestmark = needs_display

OWN = "app.state.latents"
PLANE = "app._panels['latents']._plane"
POINT = (255, 212, 40)
DONE = (
    f"{OWN}.ready and {OWN}.encoding is None and {OWN}.decoded is not None "
    f"and (list({OWN}.decoded.vector) == list({OWN}.place.vector)) "
    "and app.worker.waiting('latent point') is None and app.worker.waiting('latent strip') is None"
)


def begin(viewer, name):
    compare(viewer, name)
    viewer.ask("app.state.images.open_from_gallery(0)")
    viewer.key("4")
    viewer.wait(f"app.state.images.gallery is not None and {OWN}.place is not None", 60)
    viewer.wait(f"{OWN}.at_image and {DONE}", 30)
    viewer.settle()


def array(viewer, expression):
    return np.array(viewer.ask(f"({expression}).tolist()"), np.float32)


def on_screen(viewer, across, up):
    """Where a place of the plane is on the screen."""
    x, y = viewer.ask(f"[float(value) for value in {PLANE}.to_pane({across}, {up})]")
    left, top, _, _ = viewer.ask("rect('latent plane')")
    return round(left + x), round(top + y)


def place(viewer):
    return viewer.ask(f"[float(value) for value in {OWN}.plane.place({OWN}.place.vector)]")


def is_point(screen, at):
    return np.abs(screen[at[1], at[0]].astype(int) - POINT).max() <= 3


def assert_shows(viewer, tag, image, name):
    """All of an image is seen in a pane."""
    seen, wanted = shown_at(viewer.part(tag, name), image, viewer.ask(f"rect({tag!r})")[2:])
    assert np.abs(seen - wanted).max() <= 2, tag


def test_a_person_in_latent_space(shared_viewer, learned):
    through_learned_latents(shared_viewer, learned)
    through_the_codes_of_an_autoencoder(shared_viewer)


def through_learned_latents(viewer, learned):
    begin(viewer, "latents")
    model_step = viewer.ask(f"{OWN}.space.checkpoint")
    assert int(model_step) in [checkpoint.step for checkpoint in list_runs(learned)[0].checkpoints()]

    # The point is at the first image; what it decodes to is on the screen, with the same figure as in Reconstruct.
    viewer.wait("app.state.reconstruct.results[0] is not None")
    psnr = viewer.ask("app.state.reconstruct.results[0].figures['psnr']")
    assert viewer.ask("dpg.get_value('latent decoded caption')") == f"PSNR {psnr:.2f} dB"
    viewer.move(5, 5)
    for name in ("decoded.image", "original", "decoded.nearest"):
        tag = f"latent {name.rpartition('.')[2].replace('image', 'decoded')}"
        assert_shows(viewer, tag, array(viewer, f"{OWN}.{name}"), "begin")

    # Images are drawn where they lie, in the colours of their classes; a click on a class hides them.
    values, labels = array(viewer, f"{OWN}.space.points.values"), array(viewer, f"{OWN}.space.points.labels")
    lonely = max(range(len(values)), key=lambda row: np.sort(np.linalg.norm(values - values[row], axis=1))[1])
    at = on_screen(viewer, *values[lonely])
    wide, high = viewer.ask("rect('latent plane')")[2:]
    screen = viewer.screen("points")
    colour = viewer.ask(
        f"__import__('viewer.latents.dots', fromlist=['x']).class_colour("
        f"{OWN}.space.classes.index({int(labels[lonely])}), len({OWN}.space.classes))"
    )
    assert np.abs(screen[at[1], at[0]].astype(int) - colour).max() <= 3
    assert is_point(screen, on_screen(viewer, *place(viewer)))
    row = viewer.ask(f"{OWN}.space.classes.index({int(labels[lonely])})")
    viewer.click("latent plane", 1 - 20 / wide, (6 + 20 * row + 10) / high)
    assert viewer.ask(f"list({OWN}.plane.hidden)") == [int(labels[lonely])]
    viewer.move(5, 5)
    assert np.abs(viewer.screen("hidden")[at[1], at[0]].astype(int) - colour).max() > 40
    viewer.click("latent plane", 1 - 20 / wide, (6 + 20 * row + 10) / high)

    # The point is dragged, and the decoded image follows; a drag is undone at once.
    before, start = place(viewer), on_screen(viewer, *place(viewer))
    viewer.key("a")
    end = (start[0] - 60, start[1] + 45)
    viewer.drag(start, end)
    viewer.wait(DONE)
    after = place(viewer)
    assert on_screen(viewer, *after) == pytest.approx(end, abs=1)
    assert viewer.ask("dpg.get_value('latent original caption')") in ("the point is elsewhere", "elsewhere")
    viewer.move(5, 5)
    assert is_point(viewer.screen("dragged"), end)
    assert_shows(viewer, "latent decoded", array(viewer, f"{OWN}.decoded.image"), "dragged")

    # The way between two ends: a click on the film strip goes there.
    viewer.key("b")
    viewer.wait(f"{OWN}.strip is not None and {DONE}")
    viewer.click("latent strip", 0.5)
    viewer.wait(DONE)
    assert viewer.ask(f"{OWN}.place.share") == 0.5
    assert place(viewer) == pytest.approx(np.mean([before, after], axis=0), abs=1e-4)
    np.testing.assert_allclose(array(viewer, f"{OWN}.decoded.image"), array(viewer, f"{OWN}.strip[4]"), atol=1e-5)
    viewer.move(5, 5)
    strip = viewer.part("latent strip", "strip")
    side, length = strip.shape[:2]
    for number, left_edge in ((1, (length - side) / 8), (8, length - side)):
        tile = strip[:, round(left_edge) : round(left_edge) + side]
        seen, wanted = shown_at(tile, array(viewer, f"{OWN}.strip[{number}]"), (side, side))
        assert np.abs(seen - wanted)[10:].max() <= 2  # above stands the end's letter
    viewer.key("ctrl+z", "ctrl+z", "ctrl+z")
    assert place(viewer) == pytest.approx(before)
    assert viewer.ask(f"{OWN}.place.source is not None and {OWN}.place.last is None")

    # A slider moves along its dimension; a drag of it is one change.
    viewer.drag(viewer.place("latent slider 1"), viewer.place("latent slider 1", 0.8))
    moved = place(viewer)
    assert moved[0] == pytest.approx(before[0]) and moved[1] != pytest.approx(before[1], abs=0.01)
    viewer.key("ctrl+z")
    assert place(viewer) == pytest.approx(before)

    # A click puts the point somewhere; a double click shows the whole plane and leaves the point.
    middle = viewer.place("latent plane", 0.45, 0.5)
    viewer.click("latent plane", 0.45, 0.5)
    put = place(viewer)
    assert on_screen(viewer, *put) == pytest.approx(middle, abs=1)
    viewer.move(middle[0] + 70, middle[1] + 60)
    viewer.wheel(3)
    assert viewer.ask(f"{OWN}.plane.view.zoom") == pytest.approx(1.25**3)
    viewer.hand("click", "--repeat", 2, "--delay", 80, 1)
    viewer.wait(f"{OWN}.plane.view.zoom == 1")
    assert place(viewer) == pytest.approx(put)

    # Another checkpoint: the space is read again, the point stays.
    viewer.click("latents checkpoint", 0.04)
    viewer.wait(f"{OWN}.space.checkpoint != {model_step!r} and {DONE}")
    assert place(viewer) == pytest.approx(put)
    other = array(viewer, f"{OWN}.space.points.values")
    assert np.abs(other - values).max() > 1e-3
    viewer.key("i")
    viewer.wait(f"{OWN}.at_image and {DONE}")
    assert viewer.ask("dpg.get_value('latent decoded caption')").startswith("PSNR")


def through_the_codes_of_an_autoencoder(viewer):
    begin(viewer, "wide")
    assert "64 training images" in viewer.ask("dpg.get_value('latents count')")
    viewer.wait(f"{OWN}.plane.held_out is not None")
    viewer.settle()
    assert viewer.ask("dpg.get_item_label('latents held out')").startswith("16 test")

    # By one standard deviation, along the component.
    before = array(viewer, f"{OWN}.place.vector")
    amount = viewer.ask(f"{OWN}.space.amount({OWN}.place.vector, ('component', 2))")
    viewer.drag(viewer.place("latent slider 2"), viewer.place("latent slider 2", 0.7))
    moved = array(viewer, f"{OWN}.place.vector") - before
    now = viewer.ask("dpg.get_value('latent slider 2')")
    step = array(viewer, f"{OWN}.space.deviations[2] * {OWN}.space.components[2]")
    assert abs(now - amount) > 0.2
    np.testing.assert_allclose(moved, (now - amount) * step, atol=2e-4)

    # The other sliders, and the other axes.
    viewer.move(*viewer.place("latent slider 2"))
    viewer.wheel(-1)
    shown = viewer.ask("app._panels['latents']._sliders._count")
    assert viewer.ask(f"{OWN}.first_slider") == 16 - shown
    assert viewer.ask("dpg.get_value('latent slider 0 name')") == f"PC {16 - shown + 1}"
    viewer.click("latent sliders dimension")
    assert viewer.ask("dpg.get_value('latent slider 0 name')") == "dim 0"
    viewer.click("latents axis 1")
    x, y = viewer.place("latents axis 1", y=1)
    viewer.move(x - 20, y + 3 * 22)
    viewer.hand("click", 1)
    viewer.wait(f"{OWN}.plane.axes[1] != ('component', 1)")
    chosen = viewer.ask(f"{OWN}.space.title({OWN}.plane.axes[1])")
    assert viewer.ask("dpg.get_value('latents axis 1')") == chosen

    # Another image takes the point along.
    viewer.click("gallery", 0.4, 0.1)
    viewer.wait(f"{OWN}.at_image and {DONE}")
    viewer.wait("app.state.reconstruct.results[0].source == app.state.images.source")
    psnr = viewer.ask("app.state.reconstruct.results[0].figures['psnr']")
    assert viewer.ask(f"{OWN}.psnr") == pytest.approx(psnr, abs=1e-3)
    viewer.key("m")
    viewer.wait(DONE)
    np.testing.assert_array_equal(array(viewer, f"{OWN}.place.vector"), array(viewer, f"{OWN}.space.center"))
