"""Random valid actions, for minutes: nothing crashes, and memory stays where it was.

RETRACE_SOAK_SECONDS sets how long; 120 where it is unset, 1800 for the long run.
"""

import os
import random
import shutil
import time

import psutil
import pytest
from PIL import Image

from tests.viewer.driver import needs_display
from tests.viewer.test_reconstruct_panel import DONE, begin

pytestmark = [needs_display, pytest.mark.slow]

SECONDS = float(os.environ.get("RETRACE_SOAK_SECONDS", "120"))
MEGABYTES = 50


def test_soak(open_viewer, trained, tmp_path):
    runs_dir = shutil.copytree(trained, tmp_path / "runs")
    photo = tmp_path / "photo.png"
    Image.effect_noise((640, 480), 80).convert("RGB").save(photo)
    viewer = open_viewer(runs_dir)
    begin(viewer, 0, 1)
    chance = random.Random(7)
    actions = {
        "panel": lambda: viewer.key(chance.choice("12")),
        "click a button": lambda: viewer.click(
            chance.choice(["map absolute", "map signed", "map ssim", "divider", "whole image", "theme", "help"])
        ),
        "key": lambda: viewer.key(
            chance.choice(["Left", "Right", "d", "e", "0", "t", "ctrl+z", "ctrl+y", "F1", "Escape"])
        ),
        "thumbnail": lambda: viewer.click("gallery", chance.random(), chance.random()),
        "slider": lambda: viewer.click(f"variant checkpoint {chance.randrange(2)}", x=chance.random()),
        "zoom": lambda: (viewer.move(*viewer.place("reconstruction 0")), viewer.wheel(chance.choice([-3, 2, 4]))),
        "drag": lambda: viewer.drag(
            viewer.place("original"), (chance.randrange(260, 1100), chance.randrange(130, 600))
        ),
        "path": lambda: viewer.ask(f"app.state.images.open_file({str(photo)!r})"),
        "resize": lambda: viewer.ask(
            f"dpg.configure_viewport(0, width={chance.randrange(900, 1350)}, height={chance.randrange(560, 860)})"
        ),
        "select": lambda: (viewer.key("1"), viewer.click(f"runs name {chance.randrange(2)}")),
        "compare": lambda: viewer.ask("app.state.compare_selected()"),
        "sort": lambda: (viewer.key("1"), viewer.click(f"runs sort {chance.choice(['psnr', 'age', 'name'])}")),
    }
    levels: dict[str, list[float]] = {"window": [], "worker": []}
    began = time.monotonic()
    # The short run is too short to wait a minute for the first level.
    first = min(60.0, SECONDS / 3)
    count = 0
    while time.monotonic() - began < SECONDS:
        name = chance.choice(list(actions))
        try:
            actions[name]()
        except AssertionError as error:
            # What is not on screen has no place to click at; everything else is a failure.
            if "rect_min" not in str(error):
                raise AssertionError(f"after {count} actions, at '{name}': {error}") from error
        count += 1
        assert viewer.process.poll() is None
        assert viewer.ask("app.worker.status") == "ready"
        if time.monotonic() - began > first:
            levels["window"].append(psutil.Process(viewer.process.pid).memory_info().rss / 1e6)
            levels["worker"].append(psutil.Process(viewer.ask("app.worker.pid")).memory_info().rss / 1e6)
    viewer.ask("[setattr(app.state, 'help_open', False), app.state.open_panel('reconstruct')]")
    viewer.wait(DONE)
    for process, values in levels.items():
        grown = max(values) - values[0]
        print(
            f"{count} actions: {process} {values[0]:.0f} MB, at most {max(values):.0f} MB, at last {values[-1]:.0f} MB"
        )
        assert grown < MEGABYTES, f"{process} grew by {grown:.0f} MB in {count} actions"
