"""The registry of augmentations, which files of this package fill."""

from architectures.registry import Registry

AUGMENTATIONS: Registry[type] = Registry("augmentation")
