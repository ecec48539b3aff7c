"""Small specs for tests, written as users write them."""

from pathlib import Path

from builders.spec import LoadedSpec, load_spec

# A seeded random VGG-16 cut after two convolutions, and a decoder that trains in milliseconds.
INVERTER = """
version: 1
seed: 7
dataset:
  source: {photos: {crops: 6, held_out_crops: 4}}
  image: {size: 32}
  batch_size: 8
encoder: {backbone: vgg16, weights: none, taps: [block1_pool]}
decoder:
  defaults: {Conv2D: {kernel_size: 3, padding: same, activation: relu}}
  layers:
    - Conv2D: {filters: 8}
    - Dropout: {rate: 0.1}
    - UpSampling2D
    - Conv2D: {filters: 3, activation: sigmoid}
loss: {l1: 0.8, ssim: 0.2}
training: {epochs: 2, feature_cache: "off"}
"""

AUTOENCODER = """
version: 1
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 64, validation: 16, test: 16}
  batch_size: 16
encoder:
  layers: [Flatten, Dense: {units: 16, name: bottleneck}]
decoder:
  layers: [Dense: {units: 784, activation: sigmoid}, Reshape: {target_shape: [28, 28, 1]}]
loss: {mse: 1}
training: {epochs: 2}
"""

# Maps rather than vectors.
CONVOLUTIONAL = """
version: 1
dataset:
  source: digits
  image: {size: 28, channels: 1}
  split: {train: 64, validation: 16, test: 16}
  batch_size: 16
encoder:
  layers: [Conv2D: {filters: 12, kernel_size: 3, strides: 2, padding: same, activation: relu}]
decoder:
  layers: [UpSampling2D, Conv2D: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}]
loss: {mse: 1}
training: {epochs: 2}
"""

LATENTS = """
version: 1
dataset:
  source: digits
  split: {train: 64, validation: 16, test: 16}
  image: {channels: 1}
  batch_size: 16
encoder:
  latents: {dimensions: 2, initializer: pca, held_out: {steps: 5, restarts: 2}}
decoder: {architecture: {dense: {units: [16], batch_normalization: true}}}
loss: {mse: 1}
training: {epochs: 2}
"""


def write_spec(folder: Path, text: str = INVERTER, name: str = "tiny") -> Path:
    """Writes a spec into a folder and returns its path."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, *overrides: str, text: str = INVERTER) -> LoadedSpec:
    """A spec with settings over it, read from a file as a command would."""
    return load_spec(write_spec(folder, text), overrides)
