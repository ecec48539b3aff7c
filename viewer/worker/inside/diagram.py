"""A run's network as a diagram."""

import io

import numpy as np
from PIL import Image as Pillow

from run_directory.run import Run
from viewer.worker.answers import Answer
from viewer.worker.recent import Recent
from workflows.placing import placed

_MOST_KEPT = 16
# Sharp when it is enlarged to three times the width of a window, and with room left in the shared memory.
_WIDTH, _PIXELS = 2800, 3.5e6


class Diagrams:
    """Answers `inside diagram`."""

    def __init__(self):
        # Drawn once: as PNG a diagram takes a hundredth of its pixels.
        self._drawn: Recent[bytes] = Recent(_MOST_KEPT)

    def diagram(self, run: str) -> Answer:
        """The network of a run, as `show --plot` draws it.

        Args:
            run: The run's directory.

        Returns:
            Array `diagram`, uint8 [height, width, 3].
        """
        drawn = io.BytesIO(self._drawn.get(run, lambda: _draw(run)))
        with Pillow.open(drawn, formats=("PNG",)) as image:
            return {}, {"diagram": np.asarray(image.convert("RGB"))}


def _draw(path: str) -> bytes:
    # Matplotlib takes half a second to import, and only a diagram needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from workflows.plotting.architecture import draw_architecture
    from workflows.plotting.style import style
    from workflows.show import structure

    run = Run.open(path)
    loaded = run.load_spec()
    with placed(loaded):
        described = structure(loaded.spec, run.image_shape())
    with style():
        figure = draw_architecture(described, loaded.spec)
        width, height = figure.get_size_inches()
        figure.set_dpi(min(_WIDTH / width, (_PIXELS / (width * height)) ** 0.5))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    written = io.BytesIO()
    Pillow.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(written, "PNG")
    return written.getvalue()
