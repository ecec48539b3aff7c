"""What is seldom and must not go wrong, on the screen."""

import os
import signal
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from runs import list_runs
from tests.viewer.driver import needs_display
from tests.viewer.test_reconstruct_panel import compare, result, shown_at

pytestmark = needs_display

SIDE = 20_000
COLOUR = (200, 30, 60)
# Where DearPyGui puts the dialog, and how far its field and its first button are above its lower edge.
DIALOG, FIELD, BUTTON = 60, 54, 22


def chunk(kind, data):
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def head(width, height):
    """The beginning of a PNG: 8 bits, colour."""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def one_colour_png(path, width, height):
    """A PNG of one colour, made without holding it: its compressed rows repeat. 5 MB for 400 megapixels."""
    rows = 100
    block = (b"\0" + bytes(COLOUR) * width) * rows
    packer = zlib.compressobj(1)
    first, again = (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    check = 1
    for _ in range(height // rows):
        check = zlib.adler32(block, check)
    data = first + again * (height // rows - 1) + b"\x03\0" + struct.pack(">I", check)
    path.write_bytes(head(width, height) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


def open_path(viewer, name):
    """Types the name of a file in the folder in which the viewer was started."""
    viewer.click("image path")
    viewer.key("ctrl+a")
    viewer.type(name)
    viewer.key("Return")


def answered(viewer, path):
    viewer.wait(f"app.state.images.source.path == {str(path)!r} and app.state.reconstruct.answered")
    viewer.settle()


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
    answered(viewer, photo)

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


def test_400_megapixels_too_many_and_a_death_on_the_way(shared_viewer):
    viewer = compare(shared_viewer, "colour")
    huge = one_colour_png(viewer.folder / "huge.png", SIDE, SIDE)
    worker = psutil.Process(viewer.ask("app.worker.pid"))
    before, process = worker.memory_info().rss, Path(f"/proc/{worker.pid}")
    (process / "clear_refs").write_text("5")  # the peak begins anew
    open_path(viewer, huge.name)
    frames, slowest = 0, 0.0
    began = time.monotonic()
    while not viewer.ask("app.state.images.source.path == 'huge.png' and app.state.reconstruct.answered"):
        asked = time.monotonic()
        viewer.move(600 + frames % 100, 500)
        slowest = max(slowest, time.monotonic() - asked)
        frames += 2
        assert time.monotonic() - began < 60
    # The window has drawn all the while: waiting for the file would take most of the time in one frame.
    assert frames >= 20 and slowest < (time.monotonic() - began) / 2
    error = np.abs(result(viewer, 0, "original") - np.array(COLOUR) / 255).max()
    assert error < 0.01
    # Held once, at four bytes a pixel, and given back.
    lines = (process / "status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    assert peak - before < SIDE * SIDE * 4 + 400e6
    assert worker.memory_info().rss - before < 300e6

    # More than there is memory for: only the head of the file is ever read.
    most = viewer.folder / "most.png"
    most.write_bytes(head(400_000, 400_000) + chunk(b"IDAT", b"\0" * 100))
    open_path(viewer, most.name)
    viewer.wait("app.state.message and '400000 × 400000 pixels need' in app.state.message.text")
    assert "make it smaller first" in viewer.ask("dpg.get_value('variant message 0')").replace("\n", " ")

    # The worker dies in the middle of the work, and another one takes over.
    again = viewer.folder / "again.png"
    huge.rename(again)
    open_path(viewer, again.name)
    viewer.wait("(app.worker.waiting() or 0) > 0.2")
    os.kill(worker.pid, signal.SIGKILL)
    viewer.wait("app.worker.status == 'dead'")
    viewer.settle()
    assert "SIGKILL; the system may have run out of memory" in viewer.ask("dpg.get_value('worker status')")
    viewer.key("Right")  # nothing answers, and nothing breaks
    open_path(viewer, again.name)
    again.unlink()
    Image.new("RGB", (40, 40), COLOUR).save(again)
    viewer.click("restart worker")
    answered(viewer, "again.png")
    assert viewer.ask("app.worker.pid") != worker.pid


def test_a_latent_decoder_searches(shared_viewer, mixed):
    shared_viewer.ask("setattr(app, 'said', [])")
    with shared_viewer.each_frame(after="app.said.append(dpg.get_value('variant figures 0'))"):
        viewer = compare(shared_viewer, "latents")
    assert "searching its latent …" in viewer.ask("app.said")
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


def test_slow_frames_lose_no_key_and_no_click(shared_viewer):
    """All that a person does within one frame arrives in it at once."""
    viewer = compare(shared_viewer, "narrow")
    with viewer.each_frame(before="time.sleep(0.1)"):
        position = viewer.ask("app.state.reconstruct.variants[0].position")
        viewer.ask("app.state.undo.record('x', 0, 1, lambda value: setattr(app, 'undone', value))")
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
