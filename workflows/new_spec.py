"""`new`: a commented spec to start from."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from common.errors import RequestError
from common.formatting import printable
from common.program import typed
from workflows.schema import SCHEMA_PATH

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

_COMMON = """\
training:
  optimizer: {Adam: {learning_rate: 1e-3}}   # any Keras optimizer and its arguments
  epochs: 10
  monitor: val_loss                # decides which checkpoint is the best
"""

_INVERTER = """\
# {train}
# yaml-language-server: $schema={schema}
# Set a value for one run with --set, as in --set training.epochs=3; `{check}` finds mistakes.
version: 1
description: What a layer of VGG-16 still knows of a photograph.
seed: 42

dataset:
  source: photos                   # photographs that the install includes; your own: {{folder: {{path: FOLDER}}}}
  image: {{size: 64}}                # side in pixels; fit: crop, stretch or pad
  batch_size: 16

encoder:                           # a frozen network, read at one layer or several
  backbone: vgg16                  # `{taps}` lists the layers that can be read
  weights: hed_bsds500             # comes with the install; `imagenet` downloads the published weights
  taps: [block2_conv2]

decoder:                           # what turns the features back into an image: Keras layers, and ours
  defaults:                        # arguments for every layer of a class; a layer's own come first
    Conv2D: {{kernel_size: 3, padding: same, activation: relu}}
  layers:
    - Conv2D: {{filters: 64}}
    - Residual: {{layers: [Conv2D: {{filters: 64}}, Conv2D: {{filters: 64, activation: linear}}]}}
    - UpSampling2D: {{size: 2, interpolation: bilinear}}
    - Conv2D: {{filters: 32}}
    - Conv2D: {{filters: 3, activation: sigmoid}}

loss: {{l1: 0.8, ssim: 0.2}}         # terms and their weights
metrics: [mse, psnr, ssim]

"""

_AUTOENCODER = """\
# {train}
# yaml-language-server: $schema={schema}
# Set a value for one run with --set, as in --set variables.numbers=8; `{check}` finds mistakes.
version: 1
description: An autoencoder that keeps a few numbers of every digit.
seed: 42
variables: {{numbers: 32}}           # `$numbers` below means this value

dataset:
  source: digits                   # 5,000 digits that come with the install; your own: {{folder: {{path: FOLDER}}}}
  image: {{size: 28, channels: 1}}
  batch_size: 32

encoder:                           # trained together with the decoder
  defaults:                        # arguments for every layer of a class; a layer's own come first
    Conv2D: {{kernel_size: 3, strides: 2, padding: same, activation: relu}}
  layers:
    - Conv2D: {{filters: 32}}
    - Conv2D: {{filters: 64}}
    - Flatten
    - Dense: {{units: $numbers}}     # the code

decoder:
  defaults:
    Conv2DTranspose: {{kernel_size: 3, strides: 2, padding: same, activation: relu}}
  layers:
    - Dense: {{units: 3136, activation: relu}}
    - Reshape: {{target_shape: [7, 7, 64]}}
    - Conv2DTranspose: {{filters: 64}}
    - Conv2DTranspose: {{filters: 32}}
    - Conv2D: {{filters: 1, kernel_size: 3, padding: same, activation: sigmoid}}

loss: {{l1: 0.5, ssim: 0.5}}         # terms and their weights
metrics: [mse, psnr, ssim]

"""

_LATENTS = """\
# {train}
# yaml-language-server: $schema={schema}
# Set a value for one run with --set, as in --set training.epochs=50; `{check}` finds mistakes.
version: 1
description: Every digit owns a latent vector, and the decoder learns with them. There is no encoder.
seed: 42

dataset:
  source: digits                   # 5,000 digits that come with the install; your own: {{folder: {{path: FOLDER}}}}
  image: {{size: 28, channels: 1}}
  split: {{train: 0.8, validation: 500, test: rest}}
  batch_size: 128

encoder:
  latents:
    dimensions: 2                  # numbers for each image
    initializer: normal            # where latents start: normal, pca or zeros
    held_out: {{steps: 300, restarts: 4}}   # how latents of images are found that never trained

decoder:
  architecture:                    # a ready-made stack, sized from the latents to the image
    dense: {{units: [500, 500, 1000, 500], activation: leaky_relu}}

loss: {{mse: 1}}
metrics: [mse, psnr, ssim]

"""

KINDS: Mapping[str, str] = {"inverter": _INVERTER, "autoencoder": _AUTOENCODER, "latents": _LATENTS}


def new_spec(name: str, kind: str = "inverter", directory: str | Path = "specs") -> Path:
    """Writes a spec that passes `check` and says in comments what can be changed.

    Args:
        name: What the spec is called; a path ending in .yaml is taken as it is.
        kind: inverter (a frozen backbone), autoencoder (a trained encoder) or latents (no encoder).
        directory: Where a spec given by name goes.

    Returns:
        The file's path.

    Raises:
        RequestError: The name is none, the kind is unknown, or the file is there already.
    """
    if kind not in KINDS:
        raise RequestError(f"--kind {kind}: expected one of {', '.join(KINDS)}")
    is_path = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_path else Path(directory) / f"{name}.yaml"
    # A name alone holds no folder, so that it cannot lead out of `directory`.
    if not _NAME.fullmatch(path.stem if is_path else name):
        raise RequestError(
            f"'{name}' is no name for a spec: use letters, digits, '_', '-' and '.', or give a path that ends in .yaml"
        )
    # Editors find the schema by this line: they complete and explain while one types.
    schema = Path(os.path.relpath(SCHEMA_PATH, path.parent)).as_posix()
    # In comments, which a newline would end.
    commands = {name: typed(name, printable(path.as_posix())) for name in ("train", "check")}
    text = KINDS[kind].format(**commands, taps=typed("taps vgg16"), schema=printable(schema)) + _COMMON
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RequestError(f"{path} is there already; choose another name, or remove it first") from None
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror}") from None
    return path
