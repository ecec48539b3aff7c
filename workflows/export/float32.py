"""The float32 twin of a model that computes in half precision."""

from dataclasses import replace

from architectures.reconstructors.base import Reconstructor
from builders.model_builder import ModelBuilder
from workflows.training.restore import Restored


def in_float32(restored: Restored) -> Reconstructor:
    """The run's model where it computes in float32 already, else the same network with the same weights that does.

    Mixed precision keeps its weights in float32, so nothing is rounded on the way.
    """
    model = restored.model
    if model.dtype_policy.compute_dtype == "float32":
        return model
    spec = replace(restored.spec, training=replace(restored.spec.training, precision="float32"))
    trained_on = restored.run.environment()["dataset"]["images"]["train"]
    twin = ModelBuilder(spec, model.image_shape, train_count=trained_on).build()
    for source, target in zip(model.variables, twin.variables, strict=True):
        target.assign(source)
    return twin
