"""Images as a model sees them: as `reconstruct` shows them, whatever they come from."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from builders.images import fit_image
from builders.spec import Image
from common.errors import RequestError
from viewer.core.protocol import ImageSource
from viewer.core.worker_images import Images

PIXELS = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
SPEC = Image(size=28, margin=0.25)


@pytest.fixture
def images():
    split = SimpleNamespace(count=1, image=lambda position: PIXELS)
    return Images(SimpleNamespace(split=lambda run, name: split))


def test_a_file_is_cut_and_what_a_dataset_gives_is_cut_already(images, tmp_path):
    path = tmp_path / "exactly.png"
    Pillow.fromarray(PIXELS).save(path)
    wanted = fit_image(PIXELS, SPEC, (28, 28)) / np.float32(255)
    assert np.abs(wanted - PIXELS / 255).max() > 0.2
    np.testing.assert_allclose(images.fitted(ImageSource("file", path=str(path)), SPEC, (28, 28, 3)), wanted, atol=1e-6)
    of_a_run = ImageSource("split", run="run")
    np.testing.assert_allclose(images.fitted(of_a_run, SPEC, (28, 28, 3)), PIXELS / 255, atol=1e-6)
    smaller = fit_image(PIXELS, Image(size=14), (14, 14)) / np.float32(255)
    np.testing.assert_allclose(images.fitted(of_a_run, Image(size=14, margin=0.25), (14, 14, 3)), smaller, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "said"), [("/dev/zero", "no ordinary file"), (".", "is a folder"), ("~nobody-here/x.png", "No such file")]
)
def test_what_is_no_image_is_refused_in_a_sentence(images, path, said):
    with pytest.raises(RequestError, match=said):
        images.opened(ImageSource("file", path=path))


def test_a_file_is_read_with_the_values_of_the_run_it_goes_through(images, tmp_path):
    path = tmp_path / "twelve bits.png"
    Pillow.fromarray(np.full((28, 28), 4095, np.uint16)).save(path)
    source = ImageSource("file", path=str(path))
    for value_range, white in ((None, 15 / 255), ((0.0, 4095.0), 1.0)):
        shown = images.fitted(source, Image(size=28, channels=1), (28, 28, 1), value_range)
        np.testing.assert_allclose(shown, white, atol=1e-6)
