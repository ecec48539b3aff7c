"""Layers whose smallest numbers float16 cannot hold."""

import keras
import numpy as np
import pytest

from builders.layer_builder import LayerBuilder
from builders.precision import dtype_policy

UNIT = {"UnitNormalization": {}}
SPECTRAL = {"SpectralNormalization": {"layer": {"Conv2D": {"filters": 3, "kernel_size": 1}}}}
ACTIVATED = {"Conv2D": {"filters": 3, "kernel_size": 1}}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "layer",
    [
        UNIT,
        {"UnitNormalization": {"dtype": "float16"}},
        SPECTRAL,
        {"Residual": {"layers": [ACTIVATED, UNIT]}},
        {"Parallel": {"branches": [[UNIT], [ACTIVATED]], "merge": "add"}},
        {"Parallel": {"branches": [[ACTIVATED], [UNIT]], "merge": "concat"}},
    ],
    ids=str,
)
def test_a_grey_nothing_stays_finite_and_without_a_warning(policy, layer):
    with dtype_policy(policy):
        image = keras.Input((4, 4, 3))
        builder = LayerBuilder()
        output = builder.through(builder.layers([layer, ACTIVATED], "decoder"), image)
        values = keras.Model(image, output)(np.zeros((2, 4, 4, 3), "float32"), training=True)
    assert np.isfinite(keras.ops.convert_to_numpy(keras.ops.cast(values, "float32"))).all()
    assert keras.backend.standardize_dtype(values.dtype) == policy.removeprefix("mixed_")
