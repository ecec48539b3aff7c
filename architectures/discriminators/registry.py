"""The registry of ready-made discriminators."""

from common.registry import Registry

DISCRIMINATORS: Registry[type] = Registry("discriminator")
