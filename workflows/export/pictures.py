"""Pictures of an export's model card, made from the images it was proven with."""

from pathlib import Path

import numpy as np

from builders.spec import Spec
from common.formatting import labelled
from workflows.export.samples import Samples
from workflows.plotting.grid import Example, save_grid

_SHOWN = 6
FOLDER = "images"


def draw_pictures(folder: Path, samples: Samples, spec: Spec) -> list[str]:
    """Draws originals, reconstructions and errors into `images/`; returns the paths inside the export."""
    places = np.linspace(0, len(samples.images) - 1, _SHOWN).round().astype(int)
    examples = []
    for place in dict.fromkeys(places.tolist()):
        original, image = samples.images[place], samples.outputs["image"][place]
        error = max(float(np.mean(np.square(original - image))), 1e-12)
        caption = labelled("psnr", -10 * np.log10(error))
        further = {name: images[place] for name, images in samples.outputs.items() if name != "image"}
        examples.append(Example(original, image, "", caption, further))
    (folder / FOLDER).mkdir()
    path = save_grid(examples, folder / FOLDER / "examples.png", f"{spec.name}: {samples.split} images")
    return [path.relative_to(folder).as_posix()]
