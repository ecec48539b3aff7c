"""The registry of ready-made stacks."""

from architectures.registry import Registry

ARCHITECTURES: Registry[type] = Registry("architecture")
