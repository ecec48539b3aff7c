"""The registry of weights packages: installed weights that a spec calls by name."""

from common.registry import Registry

WEIGHTS: Registry = Registry("weights package")
