"""The registry of optimizers beyond those of Keras."""

from common.registry import Registry

OPTIMIZERS: Registry[type] = Registry("optimizer")
