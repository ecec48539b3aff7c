"""The registry of layers, under the CamelCase names a spec uses."""

from common.registry import Registry

LAYERS: Registry[type] = Registry("layer")
