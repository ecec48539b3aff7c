"""Layers that Keras lacks, one file each."""

import architectures.layers.adaptive_pooling  # noqa: F401 - corrects a layer of Keras
