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
from tests.viewer.reconstruct.test_panel import DONE, begin

pytestmark = [needs_display, pytest.mark.slow]

SECONDS = float(os.environ.get("RETRACE_SOAK_SECONDS", "120"))
MEGABYTES = 50


def everywhere(viewer, chance, photo):
    """Actions that choose what is looked at."""
    return {
        "panel": lambda: viewer.key(chance.choice("1234")),
        "click a button": lambda: viewer.click(
            chance.choice(["map absolute", "map signed", "map ssim", "divider", "whole image", "theme", "help"])
        ),
        "key": lambda: viewer.key(
            chance.choice(["Left", "Right", "d", "e", "0", "t", "ctrl+z", "ctrl+y", "F1", "Escape", "space"])
        ),
        "thumbnail": lambda: viewer.click("gallery", chance.random(), chance.random()),
        "slider": lambda: viewer.click(f"variant checkpoint {chance.randrange(2)}", x=chance.random()),
        "zoom": lambda: (viewer.move(*viewer.place("reconstruction 0")), viewer.wheel(chance.choice([-3, 2, 4]))),
        "drag": lambda: viewer.drag(
            viewer.place("original"), (chance.randrange(260, 1100), chance.randrange(130, 600))
        ),
        "column": lambda: viewer.click(f"variant {chance.choice(['add', 'remove'])} {chance.randrange(2)}"),
        "path": lambda: viewer.ask(f"app.state.images.open_file({str(photo)!r})"),
        "resize": lambda: viewer.ask(
            f"dpg.configure_viewport(0, width={chance.randrange(900, 1350)}, height={chance.randrange(560, 860)})"
        ),
        "scale": lambda: viewer.ask(f"app.state.set_scale({chance.choice([1.0, 1.0, 1.25, 1.5])})"),
        "select": lambda: (viewer.key("1"), viewer.click(f"runs name {chance.randrange(3)}")),
        "compare": lambda: viewer.ask("app.state.compare_selected()"),
        "sort": lambda: (viewer.key("1"), viewer.click(f"runs sort {chance.choice(['psnr', 'age', 'name'])}")),
    }


def at_panels(viewer, chance):
    """Actions inside of a network and in its latent space."""
    inside, latents = "app.state.inside", "app.state.latents"

    def anywhere(tag):
        return viewer.place(tag, chance.uniform(0.05, 0.95), chance.uniform(0.05, 0.95))

    return {
        "map": lambda: viewer.click("inside maps", chance.random(), chance.random(), key=chance.choice(["", "ctrl"])),
        "factor": lambda: viewer.drag(anywhere("inside factor"), anywhere("inside factor")),
        "channels": lambda: viewer.click(chance.choice(["inside only", "inside off", "inside reset"])),
        "layer": lambda: viewer.ask(
            f"[{inside}.set_place({inside}.places[{chance.randrange(9)} % len({inside}.places)].name)] "
            f"if {inside}.places else 0"
        ),
        "maps or diagram": lambda: viewer.ask(f"{inside}.set_mode({chance.choice(['maps', 'maps', 'diagram'])!r})"),
        "zoom maps": lambda: (viewer.move(*anywhere("inside maps")), viewer.wheel(chance.choice([-3, 2, 4]))),
        "point": lambda: viewer.drag(anywhere("latent plane"), anywhere("latent plane")),
        "latent slider": lambda: viewer.drag(anywhere("latent slider 0"), anywhere("latent slider 0")),
        "ends": lambda: viewer.ask(f"{latents}.set_end({chance.choice(['first', 'last'])!r})"),
        "strip": lambda: viewer.click("latent strip", chance.random()),
        "to": lambda: viewer.ask(f"{latents}.{chance.choice(['to_mean', 'to_image'])}()"),
    }


def look_at_everything(viewer):
    """Each panel once, for what it loads when it is first opened is no growth."""
    viewer.key("3")
    viewer.ask("app.state.inside.set_mode('diagram')")
    viewer.wait("app.state.inside.diagram is not None")
    viewer.ask("app.state.inside.set_mode('maps')")
    viewer.wait("app.state.inside.shown is not None")
    viewer.key("4")
    viewer.wait("app.state.latents.ready and app.state.latents.decoded is not None")
    viewer.key("2")


def test_soak(open_viewer, trained, learned, tmp_path):
    runs_dir = shutil.copytree(trained, tmp_path / "runs")
    shutil.copytree(learned / "latents", runs_dir / "latents")
    photo = tmp_path / "photo.png"
    Image.effect_noise((640, 480), 80).convert("RGB").save(photo)
    viewer = open_viewer(runs_dir)
    begin(viewer, 0, 1)
    look_at_everything(viewer)
    chance = random.Random(7)
    actions = everywhere(viewer, chance, photo) | at_panels(viewer, chance)
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
