"""A person at the viewer: starts it on a display of its own, moves the mouse, types, and looks at the screen."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 1200, 700


def why_not() -> str | None:
    """What is missing to open a window here; None where nothing is."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not installed: see .ci/viewer-packages" if missing else None


needs_display = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


class Display:
    """An X server without a screen, with software OpenGL."""

    def __init__(self):
        read, write = os.pipe()
        self._process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "+extension", "GLX", "-nolisten", "tcp"],
            pass_fds=[write],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            self.name = f":{pipe.readline().strip()}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Viewer:
    """The viewer, and a person's hands and eyes."""

    def __init__(self, runs_dir: Path, display: Display, folder: Path, settings: dict | None = None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "settings.json"
        kept.write_text(json.dumps({"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1.0} | (settings or {})))
        self._environment = {
            **os.environ,
            "DISPLAY": display.name,
            "RETRACE_VIEWER_SETTINGS": str(kept),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # Tests run two at a time on two cores: more threads for a frame only wait for each other.
            "LP_NUM_THREADS": "0",
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.viewer.driven", str(runs_dir)],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.wait("app.state.runs.complete")

    def ask(self, expression: str):
        """The value of an expression inside the viewer."""
        self.process.stdin.write(expression.replace("\n", " ") + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the viewer died with status {self.process.wait(5)} at: {expression}"
        answer = json.loads(line)
        assert "error" not in answer, f"{expression}: {answer['error']}"
        return answer["value"]

    def wait(self, expression: str, seconds: float = 90):
        """Waits until an expression holds, and returns its value."""
        until, pause = time.monotonic() + seconds, 0.02
        while not (value := self.ask(expression)):
            assert time.monotonic() < until, f"after {seconds} s still not: {expression}"
            # Each question draws a frame: what takes long is asked for seldom.
            time.sleep(pause)
            pause = min(0.25, pause * 1.3)
        return value

    def hand(self, *words) -> None:
        """Calls xdotool."""
        subprocess.run(["xdotool", *map(str, words)], env=self._environment, check=True, stdout=subprocess.DEVNULL)

    def settle(self, frames: int = 4) -> None:
        """Waits for what was done to be seen, acted on and drawn: before each question a frame is drawn."""
        for _ in range(frames):
            self.ask("None")

    def place(self, tag: str, x: float = 0.5, y: float = 0.5) -> tuple[int, int]:
        """A point of an item on the screen."""
        left, top, width, height = self.ask(f"rect({tag!r})")
        return round(left + x * width), round(top + y * height)

    @contextmanager
    def each_frame(self, before: str = "0", after: str = "0"):
        """Evaluates expressions inside the viewer before and after everything is drawn, in each frame."""
        self.ask(f"setattr(app, '_draw', lambda draw=type(app)._draw: (({before}), draw(app), ({after})))")
        yield
        self.ask("delattr(app, '_draw')")

    def move(self, x: int, y: int) -> None:
        self.hand("mousemove", x, y)
        self.settle(2)  # seen, and drawn: nothing is called back

    def click(self, tag: str, x: float = 0.5, y: float = 0.5, key: str = "") -> None:
        """Clicks an item, with a key held where one is named."""
        self.move(*self.place(tag, x, y))
        if key:
            self.hand("keydown", key)
            self.settle()
        self.hand("mousedown", 1)
        self.settle()
        self.hand("mouseup", 1)
        self.settle()
        if key:
            self.hand("keyup", key)
            self.settle()

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drags the mouse from one point of the screen to another."""
        self.move(*start)
        self.hand("mousedown", 1)
        self.settle()
        for share in (0.3, 0.6, 1.0):
            self.move(*(round(a + share * (b - a)) for a, b in zip(start, end)))
        self.hand("mouseup", 1)
        self.settle()

    def key(self, *names: str) -> None:
        """Presses keys one after another, as `t` or `ctrl+shift+s`."""
        for name in names:
            *held, last = name.split("+")
            # A text field overlooks a Ctrl that is let go in the frame that brings the letter.
            for modifier in held:
                self.hand("keydown", modifier)
            if held:
                self.settle()
            self.hand("key", last)
            self.settle()
            for modifier in held:
                self.hand("keyup", modifier)
            if held:
                self.settle()

    def type(self, text: str) -> None:
        self.hand("type", "--delay", "60", text)
        self.settle()

    def wheel(self, steps: int) -> None:
        for _ in range(abs(steps)):
            self.hand("click", 4 if steps > 0 else 5)
            self.settle()

    def screen(self, name: str = "screen") -> np.ndarray:
        """What is on the screen, uint8 [height, width, 3]; the picture stays in the test's folder."""
        path = self.folder / f"{name}.png"
        path.unlink(missing_ok=True)
        self.settle()
        self.ask(f"shoot({str(path)!r})")
        until = time.monotonic() + 10
        while True:
            try:
                with Image.open(path) as image:
                    return np.asarray(image.convert("RGB"))
            except (OSError, SyntaxError):
                assert time.monotonic() < until, "no screenshot"
                time.sleep(0.05)

    def part(self, tag: str, name: str = "screen") -> np.ndarray:
        """What an item looks like, uint8 [height, width, 3]."""
        left, top, width, height = (round(value) for value in self.ask(f"rect({tag!r})"))
        return self.screen(name)[top : top + height, left : left + width]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
