"""The registry of sources, which files of this package fill."""

from builders.sources.source import Source
from common.registry import Registry

SOURCES: Registry[type[Source]] = Registry("source")
