"""Takes the pictures of the viewer that its documentation shows.

    python benchmarks/viewer_pictures.py RUN RUN… [--out docs/images/viewer]

Runs are given as they should be named in the pictures. Needs a display; on a server
`xvfb-run -a -s "-screen 0 1400x900x24 +extension GLX" python benchmarks/viewer_pictures.py …`.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import click
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

WIDTH, HEIGHT = 1200, 700
WAIT_SECONDS = 180


class Photographer:
    """The viewer, and a camera before it.

    Args:
        runs_dir: Where the runs are.
        out: Folder for the pictures.
    """

    def __init__(self, runs_dir: str, out: Path):
        from viewer.settings import Settings
        from viewer.window.app import App

        self.out = out
        self.app = App(runs_dir, None, Settings(width=WIDTH, height=HEIGHT, x=0, y=0, scale=1.0))
        self.until(lambda: self.app.state.runs.complete)

    def until(self, condition) -> None:
        """Draws until something holds, and a moment longer."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > WAIT_SECONDS:
                raise click.ClickException("the viewer did not get ready; are the runs whole?")
            self.draw()
        for _ in range(8):
            self.draw()

    def draw(self) -> None:
        """Draws a frame."""
        self.app.frame()
        self.app.pace.wait()

    def take(self, name: str) -> None:
        """Takes a picture of the whole window."""
        import dearpygui.dearpygui as dpg

        target = self.out / f"{name}.png"
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw.png"
            dpg.output_frame_buffer(str(raw))
            self.until(lambda: raw.is_file() and raw.stat().st_size > 0)
            with Image.open(raw) as image:
                image.convert("RGB").save(target, optimize=True)
        click.echo(str(target))


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", default="docs/images/viewer", show_default=True, type=click.Path(path_type=Path))
def main(runs: tuple[Path, ...], out: Path) -> None:
    """Pictures of the panels, with the first run alone and with all of them side by side."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RETRACE_VIEWER_SETTINGS"] = str(Path(folder) / "viewer.json")
        camera = Photographer(str(runs[0].parent.parent), out)
        state, own, images = camera.app.state, camera.app.state.reconstruct, camera.app.state.images

        def ready() -> bool:
            results = own.results
            done = all(result and result.figures and result.source == images.source for result in results)
            return images.gallery is not None and bool(results) and done

        state.runs.search(runs[0].parent.name)
        for number, run in enumerate(runs):
            state.runs.select(str(run), toggle=number > 0)
        camera.until(lambda: len(state.runs.chosen()) == len(runs))
        camera.take("runs")
        state.compare_selected()
        camera.until(ready)
        images.open_from_gallery(images.gallery.order("worst")[len(images.gallery.positions) // 2])
        camera.until(ready)
        own.set_split(0.5)
        camera.until(ready)
        camera.take("compare")
        state.runs.select(str(runs[0]))
        own.set_split(None)
        own.set_error_map("signed")
        camera.until(lambda: len(state.runs.chosen()) == 1)
        state.compare_selected()
        camera.until(ready)
        camera.take("reconstruct")
        camera.app.close()


if __name__ == "__main__":
    main()
