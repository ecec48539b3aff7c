"""The registry of augmentations, which files of this package fill."""

from common.registry import Registry

AUGMENTATIONS: Registry[type] = Registry("augmentation")
