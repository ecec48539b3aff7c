"""`environment.json`: versions, devices, the state of the code and hashes, on which a run's figures depend."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tensorflow as tf

from architectures.reconstructors.base import Reconstructor
from architectures.weights.digest import weights_hash
from builders.dataset_builder import Splits
from builders.spec import LoadedSpec
from common.hub import cached_files, is_address
from common.plugins import used_plugins
from common.program import ROOT

_PACKAGES = ("retrace", "tensorflow", "keras", "numpy", "pillow", "scikit-image", "tensorflow-datasets")


# Keys of a spec whose value may be the address of a file.
_FILES = ("weights", "path", "initial_weights")


def _git(*arguments: str) -> str | None:
    if not (ROOT / ".git").exists():  # an installed copy: a repository around it is not ours
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _embeddings(splits: Splits) -> dict[str, Any]:
    """The shape and the hash of stored embeddings, where there are any."""
    if not splits.embedding_shape:
        return {}
    return {"embeddings": {"shape": list(splits.embedding_shape), "sha256": splits.embedding_hash()}}


def _addresses(value: Any) -> Iterator[str]:
    """Every `hf://` address in a resolved spec that names a file."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if is_address(item) and key in _FILES:
                yield item
            elif is_address(item) and key == "preset":  # a repository: one file of it names the commit
                yield f"{item.rstrip('/')}/config.json"
            else:
                yield from _addresses(item)
    elif isinstance(value, list):
        for item in value:
            yield from _addresses(item)


def describe_environment(loaded: LoadedSpec, splits: Splits, model: Reconstructor) -> dict[str, Any]:
    """The content of `environment.json`: all that must be equal for a run to come out bit for bit the same.

    Args:
        loaded: The spec.
        splits: Its data.
        model: The built reconstructor; its frozen weights are hashed.
    """
    status = _git("status", "--porcelain")
    return {
        "versions": _versions(),
        "plugins": used_plugins(loaded.named_entries()),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "threads": {
            "processors": os.cpu_count(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
        },
        "precision": model.dtype_policy.name,
        "git": {"commit": _git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "seed": loaded.spec.seed,
        "image_shape": list(splits.image_shape),
        "dataset": {
            "fingerprint": splits.fingerprint,
            "images": {name: splits[name].count for name in splits},
            "bad_images": list(splits.bad_images),
            "classes": list(splits.drawn_classes),
            "class_names": list(splits.class_names),
        },
        **_embeddings(splits),
        "hub": cached_files(_addresses(loaded.resolved)),
        "frozen_weights": {part.name: weights_hash(part.variables) for part in model.frozen_parts},
    }
