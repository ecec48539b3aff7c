"""The registry of ready-made discriminators."""

from architectures.registry import Registry

DISCRIMINATORS: Registry[type] = Registry("discriminator")
