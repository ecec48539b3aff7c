"""What the model card says of the images that an export was compared on."""

import pytest

from workflows.export.card import images_text


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
