"""The registry of sources, which files of this package fill."""

from architectures.registry import Registry
from builders.sources.source import Source

SOURCES: Registry[type[Source]] = Registry("source")
