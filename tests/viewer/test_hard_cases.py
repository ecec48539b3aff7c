"""What is seldom and must not go wrong, on the screen."""

import numpy as np
import pytest
from PIL import Image

from run_directory.run import list_runs
from tests.viewer.driver import needs_display
from tests.viewer.reconstruct.test_panel import compare, result, shown_at

pytestmark = needs_display

# Where DearPyGui puts the dialog, and how far its field and its first button are above its lower edge.
DIALOG, FIELD, BUTTON = 60, 54, 22


def test_two_sizes_and_channels_through_the_dialog(shared_viewer, tmp_path):
    viewer = compare(shared_viewer, "colour", "narrow")
    photo = tmp_path / "photo.png"
    y, x = np.mgrid[0:1:120j, 0:1:120j]
    Image.fromarray(np.rint(255 * np.stack([x, y, 1 - x], -1)).astype(np.uint8)).save(photo)
    viewer.ask(f"setattr(app.state.settings, 'folder', {str(tmp_path)!r})")
    viewer.key("ctrl+o")
    viewer.wait("dpg.is_item_shown('image dialog')")
    viewer.key("Escape")
    viewer.wait("not dpg.is_item_shown('image dialog')")
    viewer.key("ctrl+o")
    viewer.wait("dpg.is_item_shown('image dialog')")
    viewer.settle()
    below = DIALOG + viewer.ask("dpg.get_item_height('image dialog')")
    viewer.move(DIALOG + 340, below - FIELD)
    viewer.hand("click", 1)
    viewer.settle()
    viewer.key("ctrl+a")
    viewer.type("photo.png")
    viewer.move(DIALOG + 30, below - BUTTON)
    viewer.hand("click", 1)
    viewer.wait(f"app.state.images.source.path == {str(photo)!r} and app.state.reconstruct.answered")

    # Each pane shows what its run has seen and made, at its own size, and one view moves both.
    assert viewer.ask("[list(result.image.shape) for result in app.state.reconstruct.results]") == [
        [32, 32, 3],
        [28, 28, 1],
    ]
    viewer.move(5, 5)
    size = viewer.ask("rect('reconstruction 0')")[2:]
    for pane, array in (
        ("original", result(viewer, 0, "original")),
        ("reconstruction 0", result(viewer, 0)),
        ("reconstruction 1", result(viewer, 1)),
    ):
        seen, wanted = shown_at(viewer.part(pane, "sizes"), array, size)
        assert np.abs(seen - wanted).max() <= 2, pane
    viewer.move(*viewer.place("reconstruction 1", 0.3, 0.5))
    colour, grey = result(viewer, 0), result(viewer, 1)
    across, down = viewer.ask("app.state.reconstruct.cursor")
    words = viewer.ask("app.state.reconstruct.cursor_words()")[0].split("   ·   ")
    at = [image[int(down * len(image)), int(across * len(image))] for image in (colour, grey)]
    for word, pixel in zip(words[2:], at):
        assert " ".join(f"{value:.2f}" for value in pixel) + " (" in word
    viewer.wheel(4)
    assert viewer.ask("app.state.reconstruct.view.zoom") == pytest.approx(1.25**4)

    # What the dialog remembers of an earlier choice is not believed, and neither is a file that is gone.
    stale = {"selections": {"gone.png": "/gone.png"}, "file_path_name": str(photo)}
    viewer.ask(f"app._side._opened(None, {stale!r})")
    assert viewer.ask("app.state.images.source.path") == str(photo)
    viewer.ask(f"app._side._opened(None, {stale | {'file_path_name': '/gone.png'}!r})")
    assert viewer.ask("app.state.message.text") == "/gone.png: there is no such file."


def test_a_latent_decoder_searches(shared_viewer, mixed):
    viewer = compare(shared_viewer, "latents")
    # An image that no test has searched: what was found is kept.
    photo = viewer.folder / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)).save(photo)
    viewer.ask("setattr(app, 'said', [])")
    with viewer.each_frame(after="app.said.append(dpg.get_value('variant figures 0'))"):
        viewer.ask(f"app.state.images.open_file({str(photo)!r})")
        viewer.wait("app.state.reconstruct.answered")
        viewer.settle()
    said = viewer.ask("app.said")
    assert "searching its latent …" in said and said[-1].startswith("PSNR")
    run = next(run for run in list_runs(mixed) if run.path.parent.name == "latents")
    evaluated = run.evaluations()["test-last"]["metrics"]
    viewer.ask("app.state.reconstruct.set_checkpoint(0, app.state.reconstruct.variants[0].checkpoints[-1][0])")
    for number in (0, 3):
        viewer.ask(f"app.state.images.open_from_gallery({number})")
        viewer.wait("app.state.reconstruct.answered")
        position = viewer.ask("app.state.images.source.position")
        figures = viewer.ask("dict(app.state.reconstruct.results[0].figures)")
        for name in ("mse", "psnr", "ssim"):
            assert figures[name] == pytest.approx(evaluated[name]["values"][position], abs=1e-3)


def test_a_mistake_of_ours_costs_no_window(shared_viewer):
    viewer = shared_viewer
    viewer.ask("setattr(app._panels['latents'], 'draw', lambda: 1 / 0)")
    viewer.key("4")
    viewer.wait("app.state.message and app.state.message.text == 'ZeroDivisionError: division by zero'")
    viewer.settle()
    said = viewer.ask("app.state.message.since")
    viewer.settle()
    assert viewer.ask("app.state.message.since") == said  # once, though it fails in each frame
    assert "ZeroDivisionError" in viewer.ask("dpg.get_value('message')")
    viewer.ask("delattr(app._panels['latents'], 'draw')")
    viewer.key("1")
    viewer.wait("dpg.is_item_shown('runs panel')")


def test_a_drag_ends_where_its_panel_is_left(shared_viewer):
    viewer = compare(shared_viewer, "narrow")
    viewer.ask("app.state.reconstruct.set_view(app.state.reconstruct.view.zoomed(4, (9, 9), (28, 28), (4, 4)))")
    viewer.move(*viewer.place("original"))
    viewer.hand("mousedown", 1)
    viewer.settle()
    viewer.key("1")
    viewer.hand("mouseup", 1)
    viewer.move(*viewer.place("runs search"))
    view = viewer.ask("[app.state.reconstruct.view.x, app.state.reconstruct.view.y]")
    viewer.key("2")
    viewer.move(600, 300)
    assert viewer.ask("[app.state.reconstruct.view.x, app.state.reconstruct.view.y]") == view


def test_slow_frames_lose_no_key_and_no_click(shared_viewer):
    """All that a person does within one frame arrives in it at once."""
    viewer = compare(shared_viewer, "narrow")
    with viewer.each_frame(before="time.sleep(0.06)"):
        position = viewer.ask("app.state.reconstruct.variants[0].position")
        viewer.ask("app.state.undo.record('x', 0, 1, lambda value: [setattr(app, 'undone', value)])")
        for turn in range(3):
            viewer.ask("setattr(app, 'undone', None)")
            viewer.hand("keydown", "ctrl")
            viewer.settle()
            # Ctrl is let go before the letter is.
            viewer.hand("keydown", "y" if turn % 2 else "z", "keyup", "ctrl", "keyup", "y" if turn % 2 else "z")
            viewer.wait(f"app.undone == {turn % 2}", 3)
        viewer.hand("key", "ctrl+z", "key", "t")
        viewer.wait("app.undone == 0 and app.state.settings.theme == 'light'", 3)
        viewer.key("t")

        for name in ("signed", "absolute"):
            viewer.hand("mousemove", *viewer.place(f"map {name}"), "click", 1)
            viewer.wait(f"app.state.reconstruct.error_map == {name!r}", 3)
        viewer.ask("app.state.reconstruct.set_view(app.state.reconstruct.view.zoomed(4, (9, 9), (28, 28), (4, 4)))")
        viewer.settle()
        x, y = viewer.place("original")
        width = viewer.ask("rect('original')")[2]
        before = viewer.ask("app.state.reconstruct.view.x")
        viewer.hand("mousemove", x, y, "mousedown", 1, "mousemove", x + 50, y, "mouseup", 1)
        viewer.wait(f"abs(app.state.reconstruct.view.x - ({before - 50 / 4 / width})) < 0.005", 3)
        viewer.hand("mousemove", *viewer.place("variant checkpoint 0", 0.04), "click", 1)
        viewer.wait("app.state.reconstruct.variants[0].position == 0", 3)
        viewer.key("ctrl+z")
        viewer.wait(f"app.state.reconstruct.variants[0].position == {position}", 3)
        viewer.key("1")
        rows = [viewer.place(f"runs name {number}", 0.3) for number in (0, 2)]
        viewer.hand("mousemove", *rows[0], "click", 1)
        viewer.settle()
        viewer.hand("keydown", "ctrl", "mousemove", *rows[1], "click", 1, "keyup", "ctrl")
        viewer.wait("len(app.state.runs.selected) == 2", 3)
