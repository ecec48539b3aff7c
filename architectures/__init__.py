"""Keras parts: backbones, stacks, layers, losses, metrics, and the models that train them."""

import os

# TensorFlow uses oneDNN's kernels by itself only where the processor has AVX-512 VNNI, BF16 or AMX. Elsewhere they are
# faster too, up to twice. It reads this when it is imported, which is after this package; whoever set it keeps it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
