"""`show` as a command calls it: what it needs of the data, and the picture it draws."""

import io

import pytest
from rich.console import Console

from common.errors import RequestError
from tests.specs import INVERTER, write_spec
from workflows.show_spec import print_network


def shown(path, plot=None) -> str:
    out = io.StringIO()
    print_network(path, (), Console(file=out, width=200), plot)
    return out.getvalue()


def test_counts_training_images_and_draws(tmp_path):
    plot = tmp_path / "deep" / "network.svg"
    text = shown(write_spec(tmp_path), plot)
    assert "; of all 36 training images: " in text
    assert f"drawn: {plot}" in text
    assert "block1_pool" in plot.read_text(encoding="utf-8")


def test_needs_no_data_where_the_size_is_given(tmp_path):
    text = INVERTER.replace("{photos: {crops: 6, held_out_crops: 4}}", "{folder: {path: nowhere}}")
    assert "training images" not in shown(write_spec(tmp_path, text))
    without = text.replace("image: {size: 32}", "image: {channels: 3}")
    with pytest.raises(RequestError, match="nowhere"):
        shown(write_spec(tmp_path, without))


def test_refuses_a_picture_it_cannot_draw(tmp_path):
    plot = tmp_path / "network.bmp"
    with pytest.raises(
        RequestError, match=r"cannot draw a '\.bmp' file; give a name that ends in \.png, \.svg or \.pdf"
    ):
        shown(write_spec(tmp_path), plot)
    assert not plot.exists()
