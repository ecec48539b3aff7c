"""Images of hundreds of megapixels, and a worker that dies of one."""

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

from tests.viewer.driver import needs_display
from tests.viewer.reconstruct.test_panel import compare, result

pytestmark = needs_display

SIDE = 20_000
COLOUR = (200, 30, 60)


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


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    return one_colour_png(tmp_path_factory.mktemp("huge") / "huge.png", SIDE, SIDE)


def test_400_megapixels_are_opened_while_the_window_goes_on(shared_viewer, huge):
    viewer = compare(shared_viewer, "colour")
    (viewer.folder / huge.name).symlink_to(huge)
    worker = psutil.Process(viewer.ask("app.worker.pid"))
    before, process = worker.memory_info().rss, Path(f"/proc/{worker.pid}")
    (process / "clear_refs").write_text("5")  # the peak starts again
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


def test_more_than_there_is_memory_for_is_refused(shared_viewer):
    """Only the head of the file is ever read."""
    viewer = compare(shared_viewer, "colour")
    most = viewer.folder / "most.png"
    most.write_bytes(head(400_000, 400_000) + chunk(b"IDAT", b"\0" * 100))
    open_path(viewer, most.name)
    viewer.wait("app.state.message and '400000 × 400000 pixels need' in app.state.message.text")
    assert "make it smaller first" in viewer.ask("dpg.get_value('variant message 0')").replace("\n", " ")


def test_a_worker_that_dies_in_the_middle_is_replaced(shared_viewer, huge):
    viewer = compare(shared_viewer, "colour")
    worker = psutil.Process(viewer.ask("app.worker.pid"))
    again = viewer.folder / "again.png"
    again.symlink_to(huge)
    open_path(viewer, again.name)
    viewer.wait("(app.worker.waiting() or 0) > 0.2")
    # What takes long could be ended by hand as well.
    assert not viewer.ask("dpg.is_item_shown('restart worker')")
    patience = "setattr(sys.modules['viewer.core.frame'], '_PATIENCE', {})"
    viewer.ask(patience.format(0.1))
    viewer.wait("dpg.is_item_shown('restart worker') and app.worker.status == 'ready'")
    viewer.ask(patience.format(10))
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
