"""Takes the pictures of the viewer that its documentation shows.

    python benchmarks/viewer_pictures.py RUN RUN… [--latents RUN] [--out docs/images/viewer]

All runs are in one folder. Needs a display; on a server
`xvfb-run -a -s "-screen 0 1400x900x24 +extension GLX" python benchmarks/viewer_pictures.py …`.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.viewer_window import ViewerWindow, viewer_window


class Tour:
    """Takes pictures, panel by panel.

    Args:
        window: The window.
        out: Folder for the pictures.
    """

    def __init__(self, window: ViewerWindow, out: Path):
        self.window, self.out = window, out
        self.state = window.app.state

    def take(self, name: str) -> None:
        """Takes a picture of the whole window."""
        import dearpygui.dearpygui as dpg

        self.window.until(lambda: True)  # what was set just now is drawn first
        target = self.out / f"{name}.png"
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw.png"
            dpg.output_frame_buffer(str(raw))
            self.window.until(lambda: raw.is_file() and raw.stat().st_size > 0)
            with Image.open(raw, formats=("PNG",)) as image:
                image.convert("RGB").save(target, optimize=True)
        click.echo(str(target))

    def select(self, runs: Sequence[Path]) -> None:
        """Selects runs in the list."""
        self.state.open_panel("runs")
        for number, run in enumerate(runs):
            self.state.runs.select(str(run), toggle=number > 0)
        self.window.until(lambda: len(self.state.runs.chosen()) == len(runs))

    def reconstruct(self, runs: Sequence[Path]) -> None:
        """Puts runs side by side, with an image in the middle between the worst and the best."""
        self.select(runs)
        self.state.compare_selected()
        images = self.state.images
        self.window.until(lambda: images.gallery is not None and images.run == str(runs[0]) and self._reconstructed())
        images.open_from_gallery(images.gallery.order("worst")[len(images.gallery.positions) // 2])
        self.window.until(self._reconstructed)

    def _reconstructed(self) -> bool:
        own = self.state.reconstruct
        source = self.state.images.source
        return bool(own.results) and all(each and each.figures and each.source == source for each in own.results)

    def compare(self, runs: Sequence[Path]) -> None:
        """The list, and one image through all runs with a divider."""
        self.select(runs)
        self.take("runs")
        self.reconstruct(runs)
        self.state.reconstruct.set_split(0.5)
        self.window.until(self._reconstructed)
        self.take("compare")
        self.state.reconstruct.set_split(None)

    def one(self, run: Path) -> None:
        """A single run with its signed errors; then its feature maps, the strongest channel switched off."""
        self.reconstruct([run])
        self.state.reconstruct.set_error_map("signed")
        self.take("reconstruct")
        own = self.state.inside
        self.state.open_panel("inside")
        own.set_order("strength")
        self.window.until(lambda: own.shown is not None)
        own.select(int(own.ranking[0]))
        own.set_factor(own.selected, 0.0)
        self.window.until(lambda: own.shown.scales == own.scales)
        self.take("inside")

    def latents(self, run: Path) -> None:
        """Latent space by class, and nine steps between two images."""
        self.reconstruct([run])
        own, images = self.state.latents, self.state.images
        self.state.open_panel("latents")
        for which, number in (("first", 0), ("last", -1)):
            images.open_from_gallery(images.gallery.order("best")[number])
            self.window.until(lambda: own.ready and own.place is not None and own.place.source == images.source)
            own.set_end(which)
        own.set_share(0.5)
        self.window.until(lambda: own.strip is not None and own.decoded is not None and not own.reading)
        self.take("latents")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--latents", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A run with latents.")
@click.option("--out", default="docs/images/viewer", show_default=True, type=click.Path(path_type=Path))
def main(runs: tuple[Path, ...], latents: Path | None, out: Path) -> None:
    """Pictures of the panels: of all runs side by side, of the first run alone, and of latent space."""
    out.mkdir(parents=True, exist_ok=True)
    runs = tuple(run.resolve() for run in runs)
    with viewer_window(runs[0].parent.parent) as window:
        tour = Tour(window, out)
        tour.compare(runs)
        tour.one(runs[0])
        if latents is not None:
            tour.latents(latents.resolve())


if __name__ == "__main__":
    main()
