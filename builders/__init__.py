"""Builders: a spec → its data, and a model that is ready to train.

    from builders import DatasetBuilder, ModelBuilder, load_spec

Nothing is imported before it is used: reading a spec needs no TensorFlow.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from builders.dataset_builder import DatasetBuilder
    from builders.model_builder import ModelBuilder
    from builders.spec import Spec

__all__ = ["DatasetBuilder", "ModelBuilder", "load_spec"]


def load_spec(path: "str | PathLike", overrides: "Sequence[str]" = ()) -> "Spec":
    """Reads, merges and checks a spec, as every command does.

    Args:
        path: A .yaml, .yml or .json file.
        overrides: `path.to.key=value` with values in YAML, applied in order.

    Returns:
        The typed spec. The `load_spec` of `builders.spec` also returns where each value was written.

    Raises:
        SpecErrors: With every mistake that was found.
    """
    from builders.spec import load_spec as load

    return load(path, overrides).spec


def __getattr__(name: str) -> Any:
    if name == "DatasetBuilder":
        from builders.dataset_builder import DatasetBuilder

        return DatasetBuilder
    if name == "ModelBuilder":
        from builders.model_builder import ModelBuilder

        return ModelBuilder
    raise AttributeError(f"module 'builders' has no attribute {name!r}")
