"""Example constructor arguments, read off a constructor's signature, so that a new entry is tested without an edit."""

import inspect
import io
import pathlib
import shutil
import typing
from collections.abc import Iterator
from typing import Any, Literal

import keras
import numpy as np
import PIL.Image
import tensorflow as tf

from architectures.backbones.transformer import Transformer
from common.registry import BACKBONES
from tests.builders.sources.cifar_files import write_cifar


def parameters(entry: Any) -> list[inspect.Parameter]:
    """The arguments an entry's constructor takes from a spec, annotations resolved."""
    ours = [cls for cls in entry.__mro__ if cls.__module__.split(".")[0] in ("architectures", "builders", "workflows")]
    if not any("__init__" in vars(cls) for cls in ours):
        return []
    hints = typing.get_type_hints(entry.__init__)
    return [
        parameter.replace(annotation=hints.get(parameter.name, inspect.Parameter.empty))
        for parameter in inspect.signature(entry).parameters.values()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


# Networks as PyTorch exports them, with `make_networks.py`, which wrote them.
NETWORKS = pathlib.Path(__file__).parent / "backbones" / "networks"
# For whatever looks into a network: the shallowest place of the smallest one, with random weights.
_FEATURES = {
    "backbone": "vgg16",
    "weights": "none",
    "taps": ["block1_conv1", "block1_conv2"],
    "network": "alexnet",
}


def required_arguments(entry: Any) -> dict[str, Any]:
    """A value for every argument without a default, made up from its annotation."""
    names = [parameter.name for parameter in parameters(entry)]
    if "weights" in names:
        return {name: value for name, value in _FEATURES.items() if name in names}
    return {
        parameter.name: example_of(parameter.annotation)
        for parameter in parameters(entry)
        if parameter.default is parameter.empty
    }


def example_of(annotation: Any) -> Any:
    """Some value of an annotated type."""
    simple = {int: 2, float: 0.5, bool: True, str: "example"}
    if annotation in simple:
        return simple[annotation]
    if annotation is keras.layers.Layer:
        return keras.layers.Conv2D(8, 3, padding="same")
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return inner[0]
    if origin is list:
        return [example_of(inner[0]), example_of(inner[0])]
    if origin is tuple:
        return tuple(example_of(each) for each in inner if each is not Ellipsis)
    if inner:  # a union
        return example_of(inner[0])
    raise TypeError(f"no example of {annotation} is known; give the argument a default, or extend tests/…/examples.py")


def choices(entry: Any) -> Iterator[dict[str, Any]]:
    """The defaults, then each other value that an argument with a closed list of values may take."""
    yield {}
    for parameter in parameters(entry):
        values = typing.get_args(parameter.annotation) if typing.get_origin(parameter.annotation) is Literal else ()
        if parameter.annotation is bool:
            values = (False, True)
        for value in values:
            if value != parameter.default:
                yield {parameter.name: value}


def backbone_arguments(name: str, directory: pathlib.Path) -> dict[str, Any]:
    """Arguments that open a small network of some kind, whose file is written to `directory`.

    Only a backbone that reads a network of the user's needs an entry.
    """
    if name == "saved_model":
        module = tf.Module()
        module.kernel = tf.Variable(np.random.default_rng(0).normal(size=(3, 3, 3, 6)).astype(np.float32))
        shape = tf.TensorSpec((None, None, None, 3))
        call = tf.function(lambda image: tf.nn.relu(tf.nn.conv2d(image, module.kernel, 2, "SAME")))
        tf.saved_model.save(module, str(directory / "network"), signatures=call.get_concrete_function(shape))
        return {"path": str(directory / "network")}
    if name == "onnx":
        return {"path": str(NETWORKS / "convolutional_dynamo.onnx")}
    if name == "keras_file":
        image = keras.Input((None, None, 3))
        tensor = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(image)
        network = keras.Model(image, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(tensor)))
        network.save(directory / "network.keras")
        return {"path": str(directory / "network.keras")}
    if issubclass(BACKBONES.get(name), Transformer):
        return {"preset": "mini"}
    return {}


def source_arguments(name: str, directory: pathlib.Path) -> dict[str, Any]:
    """Arguments that open a small source of some kind, whose files are written to `directory`.

    Only a source that reads files of the user's needs an entry: what its files look like is no matter of types.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (6, 20, 24, 3), dtype=np.uint8)
    if name == "folder":
        for index, image in enumerate(pixels):
            (directory / f"class{index % 2}").mkdir(exist_ok=True)
            PIL.Image.fromarray(image).save(directory / f"class{index % 2}" / f"{index}.png")
        return {"path": str(directory)}
    if name in ("zip", "tar"):
        source_arguments("folder", directory)
        return {"path": shutil.make_archive(str(directory / "photos"), name, directory)}
    if name == "cifar":
        write_cifar(directory, "cifar-100-python")
        return {"path": str(directory)}
    if name == "parquet":
        write_parquet(directory, pixels)
        return {"path": str(directory)}
    if name == "webdataset":
        write_webdataset(directory, pixels)
        return {"path": str(directory)}
    if name == "mixture":
        places = [{"folder": source_arguments("folder", directory)}, {"photos": {}}]
        return {"sources": places, "weights": [3.0, 1.0]}
    if name == "arrays":
        np.savez(directory / "images.npz", images=pixels, labels=np.arange(6) % 3)
        return {"images": str(directory / "images.npz"), "images_key": "images", "labels_key": "labels"}
    if name == "tiny_imagenet":
        write_tiny_imagenet(directory, pixels)
        return {"path": str(directory)}
    if name == "tfds":
        write_tfds(directory, pixels)
        return {"name": "example", "data_dir": str(directory)}
    return {}


def write_tiny_imagenet(directory: pathlib.Path, pixels: np.ndarray) -> None:
    """Two classes in the layout of tiny-imagenet-200: half of the images train, half validate."""
    names, lines = ("n01443537", "n01629819"), []
    for index, image in enumerate(pixels):
        name = names[index % 2]
        folder = directory / "train" / name / "images" if index < len(pixels) // 2 else directory / "val" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(image).save(folder / f"{name}_{index}.JPEG")
        if folder.parent.name == "val":
            lines.append(f"{name}_{index}.JPEG\t{name}\t0\t0\t9\t9")
    (directory / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    (directory / "wnids.txt").write_text("\n".join(names) + "\n")
    (directory / "words.txt").write_text("\n".join(f"{name}\tfish" for name in names) + "\n")


def write_parquet(directory: pathlib.Path, pixels: np.ndarray) -> None:
    """A training and a test file, one of which is compressed."""
    import pyarrow
    import pyarrow.parquet

    for part, images, compression in (("train", pixels[:4], "none"), ("test", pixels[4:], "snappy")):
        encoded = [io.BytesIO() for _ in images]
        for image, file in zip(images, encoded):
            PIL.Image.fromarray(image).save(file, "PNG")
        rows = [{"bytes": file.getvalue(), "path": f"{part}{number}.png"} for number, file in enumerate(encoded)]
        table = pyarrow.table({"image": rows, "label": [number % 2 for number in range(len(images))]})
        path = directory / f"{part}-00000-of-00001.parquet"
        pyarrow.parquet.write_table(table, path, compression=compression, use_dictionary=False)


def write_webdataset(directory: pathlib.Path, pixels: np.ndarray) -> None:
    """A training and a test shard."""
    import webdataset

    for part, images in (("train", pixels[:4]), ("test", pixels[4:])):
        with webdataset.TarWriter(str(directory / f"{part}-000000.tar")) as writer:
            for number, image in enumerate(images):
                writer.write({"__key__": f"{part}{number}", "png": image, "cls": number % 2})


def write_tfds(directory: pathlib.Path, pixels: np.ndarray) -> None:
    """A dataset as tensorflow-datasets prepares it, in the format that is read in place."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(shape=pixels.shape[1:]), "label": tfds.features.ClassLabel(num_classes=2)}
    )
    examples = [(index, {"image": image, "label": index % 2}) for index, image in enumerate(pixels)]
    tfds.dataset_builders.store_as_tfds_dataset(
        name="example",
        version="1.0.0",
        features=features,
        split_datasets={"train": examples},
        data_dir=directory,
        file_format="array_record",
    )
