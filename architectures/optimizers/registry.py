"""The registry of optimizers beyond those of Keras."""

from architectures.registry import Registry

OPTIMIZERS: Registry[type] = Registry("optimizer")
