"""Augmentations: pure functions of (image, seed), one file each.

Each is a class whose instance is called with an image, float32 [height, width, channels] in [0, 1], and a seed,
int32 [2]; it returns an image of the same shape, type and range. Equal seeds give equal images, in any order and on
any number of threads.
"""
