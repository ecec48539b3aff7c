"""Architecture diagrams: everything is named, and nothing is drawn over a word."""

import itertools
import re
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from builders.dataset_builder import image_shape
from builders.spec import load_spec
from tests.specs import loaded
from workflows.network import Row, structure
from workflows.plotting.architecture import draw_architecture, save_architecture
from workflows.plotting.architecture_plan import repeats
from workflows.plotting.diagram import count_words, name_lines, shape_words

SPECS = Path(__file__).parents[3] / "specs"

FUSED = """
version: 1
dataset: {source: {folder: {path: nowhere}}, image: {size: 64}}
encoder:
  backbone: torchvision_resnet50
  weights: imagenet
  taps: [layer4.2.relu, layer1.2.relu, layer2.3.relu, layer3.5.relu]
  fuse: {size: 4, interpolation: bilinear}
decoder:
  defaults: {Conv2DTranspose: {kernel_size: 4, strides: 2, padding: same, activation: relu}}
  layers:
    - Conv2DTranspose: {filters: 256}
    - Conv2DTranspose: {filters: 128}
    - Conv2DTranspose: {filters: 64}
    - Conv2DTranspose: {filters: 3, activation: sigmoid}
loss: {mse: 1}
"""

AUTOENCODER = """
version: 1
dataset: {source: digits, image: {size: 28, channels: 1}}
encoder:
  defaults: {Conv2D: {kernel_size: 3, strides: 2, padding: same, activation: relu}}
  layers:
    - Conv2D: {filters: 32}
    - Conv2D: {filters: 64}
    - Flatten
    - Dense: {units: 50, name: compressed_representation_layer}
decoder:
  defaults: {Conv2DTranspose: {kernel_size: 3, strides: 2, padding: same, activation: relu}}
  layers:
    - Dense: {units: 3136, activation: relu}
    - Reshape: {target_shape: [7, 7, 64]}
    - Conv2DTranspose: {filters: 64}
    - Conv2DTranspose: {filters: 32}
    - Conv2D: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}
loss: {ssim: 0.5, l1: 0.5}
"""

READY_MADE = """
version: 1
description: A price of $$5 and $$6 is no formula.
dataset: {source: photos, image: {size: [96, 128], channels: 1}}
encoder: {backbone: alexnet, weights: none, input_size: 224, taps: [features.12], fuse: {size: 8, project: 32}}
decoder: {architecture: {dosovitskiy_conv: {width: 0.5}}}
loss: {mse: 1}
"""

EVERYTHING = """
version: 1
description: Projected taps, noise on the code, groups inside groups, repeats, branches and two more images.
dataset: {source: photos, image: {size: 64}}
encoder: {backbone: vgg16, weights: none, taps: [block3_conv3, block1_conv2], fuse: {project: 48}}
code: {layers: [LayerNormalization, GaussianNoise: {stddev: 0.1}]}
decoder:
  defaults: {Conv2D: {kernel_size: 3, padding: same, activation: relu}}
  layers:
    - AveragePooling2D: {pool_size: 2}
    - Conv2D: {filters: 64}
    - Repeat: {times: 6, layers: [Residual: {layers: [Conv2D: {filters: 64}, Conv2D: {filters: 64}]}]}
    - Parallel:
        branches:
          - [Conv2D: {filters: 16, kernel_size: 1}]
          - [Conv2D: {filters: 16, kernel_size: 1}, Residual: {layers: [Conv2D: {filters: 32}]}]
          - []
    - Output: {name: half, layers: [Conv2D: {filters: 8}, Conv2D: {filters: 3, activation: sigmoid}]}
    - UpSampling2D
    - Conv2D: {filters: 32, name: colours}
    - Parallel: {branches: [[Conv2D: {filters: 32}], []], merge: add}
    - Output: {name: draft, layers: [Conv2D: {filters: 3, activation: sigmoid}]}
    - Conv2D: {filters: 3, activation: sigmoid}
loss:
  l1: 0.8
  ssim: {weight: 0.2, start: 2 epochs}
  half_mse: {loss: mse, output: half, weight: 0.5}
"""

CASES = {
    "quickstart": SPECS / "quickstart.yaml",
    "celeba_small": SPECS / "celeba_small.yaml",
    "fused": FUSED,
    "autoencoder": AUTOENCODER,
    "ready_made": READY_MADE,
    "everything": EVERYTHING,
}


@pytest.fixture(scope="module", params=CASES)
def described(request, tmp_path_factory):
    case = CASES[request.param]
    spec = load_spec(case).spec if isinstance(case, Path) else loaded(tmp_path_factory.mktemp("spec"), text=case).spec
    return structure(spec, image_shape(spec)), spec


def labels(path: Path) -> list[str]:
    """The words of an SVG: Matplotlib draws them as curves and keeps what they say in comments."""
    return re.findall(r"<!-- (.+?) -->", path.read_text(encoding="utf-8"))


def test_names_every_tap_layer_output_and_loss(described, tmp_path):
    network, spec = described
    path = save_architecture(network, spec, tmp_path / "network.svg")
    found = labels(path)
    for tap in spec.encoder.taps:
        assert all(line in found for line in name_lines(tap))
    for row in [row for name in ("code", "decoder") for row in network.sections.get(name, [])]:
        kind = f"Output {row.name}" if row.kind == "Output" else row.kind
        assert kind in found
        assert row.inside or shape_words(row.shape) in found
        parameters = f"{count_words(row.trainable)} parameters"
        assert row.kind == "Output" or not row.trainable or any(label.endswith(parameters) for label in found)
    for name, term in spec.loss.items():
        assert any(label.startswith(f"{term.weight:g} × {name}") for label in found)
    assert {spec.name, "original", "reconstruction", "code", "trained", "frozen", "no weights"} <= set(found)
    first = path.read_bytes()
    assert save_architecture(network, spec, path).read_bytes() == first


def test_nothing_lies_over_words(described):
    figure = draw_architecture(*described)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    words = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_size() for text in words) >= 7
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in words]
    for (one, box), (other, other_box) in itertools.combinations(boxes, 2):
        assert not box.overlaps(other_box), f"'{one}' meets '{other}'"
    axes = figure.axes[0]
    lines = [line.get_transform().transform_path(line.get_path()) for line in axes.lines]
    areas = [patch.get_window_extent(renderer) for patch in axes.patches]
    for text, box in boxes:
        assert _holds(figure.bbox, box), f"'{text}' leaves the figure"
        for line in lines:
            assert not line.intersects_bbox(box, filled=False), f"a line crosses '{text}'"
        for area in areas:
            assert _holds(area, box) or not area.overlaps(box), f"a box cuts '{text}'"


def _holds(outer: Bbox, inner: Bbox) -> bool:
    return outer.contains(*inner.min) and outer.contains(*inner.max)


def test_long_stacks_are_said_once():
    def row(place: int, kind: str, channels: int = 8) -> Row:
        return Row(f"decoder_{place}_{kind.lower()}", kind, (None, 4, 4, channels))

    rows = [
        row(0, "Conv2D", 3),
        *(row(1 + place, ("Conv2D", "ReLU")[place % 2]) for place in range(20)),
        row(21, "ReLU"),
    ]
    cut = [([each.name for each in unit], times) for unit, times in repeats(rows)]
    assert cut == [
        (["decoder_0_conv2d"], 1),
        (["decoder_1_conv2d", "decoder_2_relu"], 10),
        (["decoder_21_relu"], 1),
    ]
