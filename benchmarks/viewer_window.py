"""The viewer's window driven by a script, for viewer.py and viewer_pictures.py."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from viewer.launch import missing_display

WIDTH, HEIGHT = 1200, 700
_MOST_SECONDS = 180


class ViewerWindow:
    """A window of fixed size that keeps no settings.

    Args:
        runs_dir: Where the runs are.
        run: The run to select first; None is the newest.

    Attributes:
        first_frame: Seconds until the first frame, imports included.
    """

    def __init__(self, runs_dir: Path, run: Path | None = None):
        missing = missing_display(str(runs_dir))
        if missing is not None:
            raise click.ClickException(missing)
        began = time.perf_counter()
        from viewer.core.application import App
        from viewer.core.settings import Settings

        settings = Settings(width=WIDTH, height=HEIGHT, x=0, y=0, scale=1.0)
        self.app = App(str(runs_dir), None if run is None else str(run), settings)
        self.app.frame()
        self.first_frame = time.perf_counter() - began

    def draw(self) -> None:
        """Draws a frame, and waits as long as the window does."""
        self.app.frame()
        self.app.pace.wait()

    def draw_for(self, seconds: float) -> None:
        """Draws as an untouched window does."""
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            self.draw()

    def until(self, condition: Callable[[], object]) -> None:
        """Draws until a condition is true, and some frames more.

        Raises:
            click.ClickException: The condition stays false.
        """
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > _MOST_SECONDS:
                raise click.ClickException("the viewer did not get ready; are the runs whole?")
            self.draw()
        for _ in range(8):
            self.draw()


@contextmanager
def viewer_window(runs_dir: Path, run: Path | None = None) -> Iterator[ViewerWindow]:
    """Opens a window and closes it, without changing the user's settings."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RETRACE_VIEWER_SETTINGS"] = str(Path(folder) / "viewer.json")
        window = ViewerWindow(runs_dir, run)
        try:
            yield window
        finally:
            window.app.close()
