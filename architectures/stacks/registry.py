"""The registry of ready-made stacks."""

from common.registry import Registry

ARCHITECTURES: Registry[type] = Registry("architecture")
