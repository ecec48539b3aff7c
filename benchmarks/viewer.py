"""Measures the viewer's window: its first frame, its frame rate, and what it costs while nothing happens.

    python benchmarks/viewer.py RUN [--seconds 10]

Needs a display; on a server `xvfb-run -a -s "-screen 0 1400x900x24 +extension GLX" python benchmarks/viewer.py RUN`.
"""

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.viewer_window import ViewerWindow, viewer_window
from viewer.core.drawing import View


class Bench:
    """A stop watch beside the window.

    Args:
        window: What is measured.
        seconds: How long each figure is measured.
    """

    def __init__(self, window: ViewerWindow, seconds: float):
        self.window, self.app, self.until = window, window.app, window.until
        self.seconds = seconds

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
        self.window.draw_for(3)
        processor, began = time.process_time(), time.perf_counter()
        self.window.draw_for(self.seconds)
        return (time.process_time() - processor) / (time.perf_counter() - began)


Lines = Iterator[tuple[str, str]]


def measure(window: ViewerWindow, seconds: float) -> Lines:
    """Words and figures, a line each."""
    bench = Bench(window, seconds)
    yield "first frame", f"{window.first_frame:.2f} s"
    bench.until(lambda: bench.app.state.runs.chosen())
    yield "Runs panel", bench.rate()
    yield "Runs panel, idle", f"{bench.idle():.1%} of a processor"
    yield from _reconstruct(bench)
    yield from _inside(bench)
    yield from _latents(bench)


def _reconstruct(bench: Bench) -> Lines:
    app, state = bench.app, bench.app.state
    own, images = state.reconstruct, state.images
    state.compare_selected()
    bench.until(
        lambda: images.gallery is not None and own.results and own.results[0] is not None and own.results[0].figures
    )
    turn = 0

    def pan() -> None:
        nonlocal turn
        turn += 1
        own.set_view(own.view.zoomed(1.02 if turn // 60 % 2 == 0 else 1 / 1.02, (300, 300), (64, 64), (100, 140)))

    yield "Reconstruct panel", bench.rate()
    yield "Reconstruct panel, zooming", bench.rate(pan)
    yield "Reconstruct panel, idle", f"{bench.idle():.1%} of a processor"
    own.set_view(View())
    shown, asked = 0, 0

    def reconstruct() -> None:
        nonlocal shown, asked
        if app.worker.waiting(own.topic(0)) is None:
            shown += 1
            asked = (asked + 1) % len(images.gallery.positions)
            images.open_from_gallery(asked)

    rate = bench.rate(reconstruct, paced=True)
    yield "while the worker reconstructs", f"{rate}; {shown / bench.seconds:.0f} images a second"


def _inside(bench: Bench) -> Lines:
    own = bench.app.state.inside
    bench.app.state.open_panel("inside")
    bench.until(lambda: own.shown is not None)
    yield "Inside panel", bench.rate()
    turn, answers, last = 0, 0, None

    def drag() -> None:
        nonlocal turn, answers, last
        turn += 1
        own.set_factor(own.selected, turn % 100 / 50)
        answers += own.shown is not last
        last = own.shown

    rate = bench.rate(drag, paced=True)
    yield "Inside panel, dragging a channel", f"{rate}; {answers / bench.seconds:.0f} images a second"
    yield "Inside panel, idle", f"{bench.idle():.1%} of a processor"


def _latents(bench: Bench) -> Lines:
    own = bench.app.state.latents
    bench.app.state.open_panel("latents")
    bench.until(lambda: own.ready and own.decoded is not None)
    yield "Latent space panel", bench.rate()
    turn, answers, last = 0, 0, None

    def drag() -> None:
        nonlocal turn, answers, last
        turn += 1
        own.drag_to(math.cos(turn / 40), math.sin(turn / 40))
        answers += own.decoded is not last
        last = own.decoded

    rate = bench.rate(drag, paced=True)
    yield "Latent space, dragging the point", f"{rate}; {answers / bench.seconds:.0f} images a second"
    yield "Latent space panel, idle", f"{bench.idle():.1%} of a processor"


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seconds", default=10.0, show_default=True, help="How long each figure is measured.")
def main(run: Path, seconds: float) -> None:
    """Prints what the viewer's window costs on this machine."""
    run = run.resolve()
    with viewer_window(run.parent.parent, run) as window:
        for words, figure in measure(window, seconds):
            click.echo(f"{words:36}{figure}")


if __name__ == "__main__":
    main()
