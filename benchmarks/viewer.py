"""Measures the viewer's window: its first frame, its frame rate, and what it costs while nothing happens.

    python benchmarks/viewer.py RUN [--seconds 10]

Needs a display; on a server `xvfb-run -a -s "-screen 0 1400x900x24 +extension GLX" python benchmarks/viewer.py RUN`.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

WIDTH, HEIGHT = 1200, 700
START_SECONDS = 120


class Bench:
    """The window, without its pauses.

    Args:
        runs_dir: Where the runs are.
        run: The run that is looked at.
        seconds: How long each figure is measured.
    """

    def __init__(self, runs_dir: str, run: str, seconds: float):
        began = time.perf_counter()
        from viewer.settings import Settings
        from viewer.window.app import App

        self.app = App(runs_dir, run, Settings(width=WIDTH, height=HEIGHT, x=0, y=0, scale=1.0))
        self.app.frame()
        self.first_frame = time.perf_counter() - began
        self.seconds = seconds

    def until(self, condition) -> None:
        """Draws until something holds."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > START_SECONDS:
                raise click.ClickException("the viewer did not get ready; is the run whole?")
            self.app.frame()
            self.app.pace.wait()

    def rate(self, before_frame=lambda: None, paced: bool = False) -> str:
        """Frames a second: as many as there can be; or, `paced`, as many as while a person moves the mouse."""
        count, began, processor = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < self.seconds:
            before_frame()
            self.app.frame()
            count += 1
            if paced:
                self.app.state.version += 1
                self.app.pace.wait()
        cost = 1000 * (time.process_time() - processor) / count
        return f"{count / (time.perf_counter() - began):.0f} frames a second, {cost:.0f} ms of a processor each"

    def idle(self) -> float:
        """The share of one processor that the window takes while nothing happens."""
        self.draw_for(3)
        processor, began = time.process_time(), time.perf_counter()
        self.draw_for(self.seconds)
        return (time.process_time() - processor) / (time.perf_counter() - began)

    def draw_for(self, seconds: float) -> None:
        """The window's own loop, with its pauses."""
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            self.app.frame()
            self.app.pace.wait()


def measure(run: Path, seconds: float) -> list[tuple[str, str]]:
    """Words and figures, a line each."""
    bench = Bench(str(run.parent.parent), str(run), seconds)
    app, state = bench.app, bench.app.state
    lines = [("first frame", f"{bench.first_frame:.2f} s")]
    bench.until(lambda: state.runs.chosen())
    lines.append(("Runs panel", bench.rate()))
    lines.append(("Runs panel, idle", f"{bench.idle():.1%} of a processor"))
    state.compare_selected()
    own, images = state.reconstruct, state.images
    bench.until(
        lambda: images.gallery is not None and own.results and own.results[0] is not None and own.results[0].figures
    )

    turn = 0

    def pan() -> None:
        nonlocal turn
        turn += 1
        own.set_view(own.view.zoomed(1.02 if turn // 60 % 2 == 0 else 1 / 1.02, (300, 300), (64, 64), (100, 140)))

    lines.append(("Reconstruct panel", bench.rate()))
    lines.append(("Reconstruct panel, zooming", bench.rate(pan)))
    lines.append(("Reconstruct panel, idle", f"{bench.idle():.1%} of a processor"))
    shown, asked = 0, 0

    def reconstruct() -> None:
        nonlocal shown, asked
        if app.worker.waiting("reconstruct 0") is None:
            shown += 1
            asked = (asked + 1) % len(images.gallery.positions)
            images.open_from_gallery(asked)

    rate = bench.rate(reconstruct, paced=True)
    lines.append(("while the worker reconstructs", f"{rate}; {shown / seconds:.0f} images a second"))
    app.close()
    return lines


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seconds", default=10.0, show_default=True, help="How long each figure is measured.")
def main(run: Path, seconds: float) -> None:
    """Prints what the viewer's window costs on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RETRACE_VIEWER_SETTINGS"] = str(Path(folder) / "viewer.json")
        for words, figure in measure(run.resolve(), seconds):
            click.echo(f"{words:32}{figure}")


if __name__ == "__main__":
    main()
