"""The registry of layers, under the CamelCase names a spec uses."""

from architectures.registry import Registry

LAYERS: Registry[type] = Registry("layer")
