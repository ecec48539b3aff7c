"""Tests of workflows.list_taps."""

import io

import pytest
from rich.console import Console

from common.errors import RequestError
from workflows.list_taps import list_taps


def test_every_tap_is_printed_with_shape_and_stride():
    console = Console(file=io.StringIO(), width=120)
    taps = list_taps("alexnet", console=console)
    lines = console.file.getvalue().splitlines()
    assert len([line for line in lines if "features." in line]) == 13
    (line,) = (line for line in lines if "features.5 " in line)
    for part in ("13×13×192", " 16 ", "pool2"):
        assert part in line
    assert taps[-1].name == "classifier.6"


@pytest.mark.parametrize(
    ("backbone", "size", "message"),
    [("alexnett", 224, "unknown backbone 'alexnett'; did you mean 'alexnet'"), ("vgg16", 16, "at least 32×32 pixels")],
)
def test_requests_that_cannot_be_met(backbone, size, message):
    with pytest.raises(RequestError, match=message):
        list_taps(backbone, size)
