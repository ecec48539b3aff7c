"""What the model card says of the images that an export was compared on."""

import pytest

from workflows.export.card import _figures, images_text


@pytest.mark.parametrize(
    ("count", "distinct", "text"),
    [
        (55, 55, "55 validation images"),
        (55, 16, "16 validation images (repeated to 55)"),
        (55, 1, "1 validation image (repeated to 55)"),
    ],
)
def test_repeated_images_count_once(count, distinct, text):
    assert images_text("validation", count, distinct) == text


def test_a_figure_of_a_set_has_its_recipe_below_the_table():
    recipe = {"network": "vgg16", "sha256": "0123456789abcdef", "images": 2000, "reference": "originals\nof test"}
    figures = {"label": "Fréchet distance in vgg16", "mean": 3.5, "std": None, "baseline": 9.0, "recipe": recipe}
    text = _figures({"evaluations": {"test-best": {"count": 2000, "metrics": {"rfid": figures}}}})
    assert "| Fréchet distance in vgg16 | 3.5000 | – | 9.0000 |" in text
    assert text.splitlines()[-1].startswith(
        "Recipe of rfid: network vgg16, sha256 0123456789ab, images 2000, reference"
    )
