"""The registry of backbones: pretrained networks that a spec looks into."""

from common.registry import Registry

BACKBONES: Registry = Registry("backbone")
