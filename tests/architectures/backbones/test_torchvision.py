"""AlexNet and ResNet-50 against plain torch, tap by tap, through real `.pth` files."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from common.registry import BACKBONES  # noqa: E402
from tests.architectures.backbones import torch_references  # noqa: E402

MEAN = np.array([0.485, 0.456, 0.406], "float32")
DEVIATION = np.array([0.229, 0.224, 0.225], "float32")
NETWORKS = {"alexnet": torch_references.AlexNet, "torchvision_resnet50": torch_references.ResNet50}


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def pair(request, tmp_path_factory):
    """A backbone, its reference with random weights, and a file of these."""
    reference = torch_references.randomised(NETWORKS[request.param], seed=3)
    path = tmp_path_factory.mktemp(request.param) / "weights.pth"
    torch.save(reference.state_dict(), path)
    return BACKBONES.get(request.param)(), reference, path


@pytest.mark.parametrize("size", [(224, 224), (159, 200)])
def test_every_tap_equals_torch(pair, size):
    backbone, reference, path = pair
    images = np.random.default_rng(0).random((1, *size, 3), "float32")
    names = [tap.name for tap in backbone.taps((*size, 3))]
    found = backbone.features((*size, 3), names, str(path))(images)
    normalised = torch.from_numpy((images - MEAN) / DEVIATION).permute(0, 3, 1, 2)
    expected = torch_references.activations(reference, normalised)
    assert len(names) == len(set(names)) > 20
    for name, ours in zip(names, found):
        theirs = expected[name]
        if theirs.ndim == 4 and len(ours.shape) == 4:
            theirs = theirs.permute(0, 2, 3, 1)
        theirs = theirs.reshape(tuple(ours.shape)).numpy()
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max(), name


def test_every_leaf_module_is_a_tap(pair):
    backbone, reference, _ = pair
    leaves = {name for name, module in reference.named_modules() if not list(module.children())}
    assert leaves <= {tap.name for tap in backbone.taps((224, 224, 3))}


def test_taps_explain_themselves():
    taps = {tap.name: tap for tap in BACKBONES.get("alexnet")().taps((224, 224, 3))}
    assert taps["features.5"].description == "pool2"
    assert (taps["features.5"].shape, taps["features.5"].stride) == ((13, 13, 192), 16)
    assert (taps["classifier.2"].shape, taps["classifier.2"].stride) == ((4096,), None)
    taps = {tap.name: tap for tap in BACKBONES.get("torchvision_resnet50")().taps((224, 224, 3))}
    ends = [taps[name] for name in ("layer1.2.relu", "layer2.3.relu", "layer3.5.relu", "layer4.2.relu")]
    assert [(tap.shape, tap.stride) for tap in ends] == [
        ((56, 56, 256), 4),
        ((28, 28, 512), 8),
        ((14, 14, 1024), 16),
        ((7, 7, 2048), 32),
    ]
    assert [tap.description for tap in ends] == [f"end of stage {stage}" for stage in (1, 2, 3, 4)]


def test_wrong_file_is_named(pair, tmp_path):
    backbone, _, _ = pair
    path = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(3)}, path)
    tap = backbone.taps((224, 224, 3))[0].name
    with pytest.raises(ValueError, match=r"other\.pth does not fit .*should fill \[.*the file holds nothing"):
        backbone.features((224, 224, 3), [tap], str(path))


def test_alexnet_states_its_smallest_image():
    backbone = BACKBONES.get("alexnet")()
    assert backbone.taps((63, 63, 3))[-1].shape == (1000,)
    with pytest.raises(ValueError, match="alexnet needs images of at least 63×63 pixels, got 62×80"):
        backbone.taps((62, 80, 3))
