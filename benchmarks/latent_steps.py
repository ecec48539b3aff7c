"""What a table of latents costs: a step of three models, measured in turn within one run.

    .venv/bin/python -m benchmarks.latent_steps [--rows 60000] [--dimensions 64] [--batch 128]

The decoder is 784 pixels from 500-500. `fixed codes` trains it alone on codes that come with the batch, `rowwise` with
a latent for each image under RowwiseAdam, `dense` the same under Keras' Adam, which moves the whole table.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from architectures.optimizers.rowwise_adam import RowwiseAdam
from builders.model_builder import ModelBuilder
from builders.spec import load_spec

SPEC = "specs/latent_mnist_64_mini.yaml"
SETTINGS = ("code=null", "decoder.architecture.dense.batch_normalization=false", "metrics=[mse]")


def models(rows: int, dimensions: int) -> dict:
    """Name → compiled reconstructor."""
    found = {}
    for name in ("fixed codes", "rowwise", "dense"):
        spec = load_spec(SPEC, [*SETTINGS, f"encoder.latents.dimensions={dimensions}"]).spec
        model = ModelBuilder(spec, (28, 28, 1), train_count=rows).build()
        model.begin(np.arange(rows), np.zeros(rows), np.random.default_rng(0).normal(size=(rows, dimensions)))
        optimizer = RowwiseAdam(1e-2) if name != "dense" else keras.optimizers.Adam(1e-2)
        model.compile(keras.optimizers.Adam(1e-3), latent_optimizer=optimizer)
        model.build_optimizers()
        if name == "fixed codes":
            _fix_codes(model)
        found[name] = model
    return found


def _fix_codes(model) -> None:
    """Takes the latents out of the step: the decoder is fed what comes with the batch."""
    model.training_code = lambda batch, images: batch["code"]
    own = type(model).trained_groups.fget
    model.__class__ = type("FixedCodes", (type(model),), {"trained_groups": property(lambda m: own(m)[:1])})


def main() -> None:
    """Prints milliseconds a step and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15, help="how often each model has its turn")
    parser.add_argument("--steps", type=int, default=20, help="steps in a turn")
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    batches = [
        {
            "image": tf.constant(random.random((arguments.batch, 28, 28, 1), np.float32)),
            "index": tf.constant(np.sort(random.choice(arguments.rows, arguments.batch, replace=False))),
            "code": tf.constant(random.normal(size=(arguments.batch, arguments.dimensions)), tf.float32),
        }
        for _ in range(arguments.steps)
    ]
    steps = {name: tf.function(m.train_step) for name, m in models(arguments.rows, arguments.dimensions).items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(arguments.rounds + 2):
        for name, step in steps.items():
            began = time.perf_counter()
            for batch in batches:
                figures = step(batch)
            float(figures["loss"])  # waits for the last step
            if turn >= 2:  # the first turns trace and warm up
                times[name].append((time.perf_counter() - began) / arguments.steps * 1000)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    print(f"{arguments.rows:,} latents × {arguments.dimensions}, decoder 500-500, batch {arguments.batch}")
    for name, median in medians.items():
        print(f"{name:12} {median:8.2f} ms a step (fastest turn {min(times[name]):.2f})")
    print(f"rowwise / fixed codes {medians['rowwise'] / medians['fixed codes']:.2f}")
    print(f"rowwise / dense       {medians['rowwise'] / medians['dense']:.2f}")


if __name__ == "__main__":
    main()
