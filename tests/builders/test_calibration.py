"""Remarks on taps that carry little of the images."""

import pytest

from builders import DatasetBuilder, ModelBuilder
from tests.specs import INVERTER, loaded

_NETWORK = "encoder.weights=hed_bsds500"


def remarks(tmp_path, preprocessing):
    spec = loaded(tmp_path, _NETWORK, f"encoder.preprocessing={preprocessing}", text=INVERTER).spec
    builder = ModelBuilder(spec)
    builder.build(DatasetBuilder(spec).build())
    return builder.remarks


@pytest.mark.parametrize("given", ["null", "caffe", "torch", "none", "{scale: 255}"])
def test_photographs_through_a_live_network_need_no_remark(tmp_path, given):
    assert remarks(tmp_path, given) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("{scale: 0.004}", "hardly differ between images, by "),
        ("{scale: 0, offset: -9}", "hardly differ between images, by 0.0% of their size"),
        ("{scale: 1e38}", "are not all finite"),
    ],
)
def test_dead_constant_and_infinite_taps_are_named(tmp_path, given, reason):
    found = remarks(tmp_path, given)
    assert f"the activations of 'block1_pool' {reason}" in found[0]
    assert found[0].endswith("the network may expect other values: encoder.preprocessing is given")
