"""Prepared datasets of TensorFlow Datasets: finding them, reading their metadata files, and preparing new ones."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from architectures.weights.files import open_url
from common.errors import RequestError
from common.files import read_regular
from common.formatting import printable
from common.registry import nearest

WHERE = "dataset.source.tfds"
_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w.-]+))?(:(?P<version>[\w.]+))?")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_LARGEST_METADATA = 64 << 20
_MOST_CLASSES = 1_000_000
_SHARDS = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"

PROBED = "https://storage.googleapis.com"
"""The server of TensorFlow Datasets' metadata, which is used to test the network."""

PATIENCE = 8.0
"""Seconds after which the network counts as absent. TensorFlow Datasets itself tries for minutes."""

_LAST_WORDS = 4000


class NotPreparedError(RequestError):
    """The dataset is not among the prepared ones."""


@dataclass(frozen=True)
class Part:
    """One of a dataset's own splits.

    Args:
        name: Such as `train`.
        shards: Its files, in order.
        lengths: Records in each file.
    """

    name: str
    shards: tuple[Path, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset.

    Args:
        folder: Holds its files.
        title: Name, configuration and version, such as `mnist:3.0.1`.
        file_format: `tfrecord` or `array_record`.
        parts: Its own splits.
        features: Features of each record: name → its description in features.json.
    """

    folder: Path
    title: str
    file_format: str
    parts: tuple[Part, ...]
    features: Mapping[str, Mapping[str, Any]]

    def class_names(self, feature: str) -> tuple[str, ...]:
        """Names of the classes of a ClassLabel, or their numbers. Raises RequestError where they cannot be read."""
        path = self.folder / f"{feature.replace('/', '-')}.labels.txt"
        if path.is_file():
            try:
                lines = read_regular(path, _LARGEST_METADATA).decode("utf-8", "backslashreplace").splitlines()
            except OSError as error:
                raise RequestError(f"{WHERE}: cannot read {path}: {error.strerror}") from None
            return tuple(printable(line.strip()) for line in lines if line.strip())
        count = self.features[feature]["classLabel"].get("numClasses", 0)
        if not str(count).isdecimal() or int(count) > _MOST_CLASSES:
            raise RequestError(
                f"{WHERE}: {self.folder / 'features.json'} gives '{feature}' {printable(str(count)[:40])} classes, "
                f"expected up to {_MOST_CLASSES:,}; copy the folder again, or prepare it again"
            )
        return tuple(str(number) for number in range(int(count)))


def data_folder(data_dir: str | None) -> Path:
    """The folder of prepared datasets: as given, or the default of TensorFlow Datasets."""
    return Path(os.path.expanduser(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))


def split_name(name: str, version: str | None) -> tuple[str, str | None, str | None]:
    """(name, configuration, version) of `mnist`, `cats_vs_dogs:4.0.1` or `imagenet_resized/64x64`.

    Raises:
        RequestError: The name is malformed, or the versions differ.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise RequestError(f"{WHERE}.name: expected NAME, NAME/CONFIG or NAME/CONFIG:VERSION, got '{name}'")
    if version is not None and match["version"] not in (None, version):
        raise RequestError(f"{WHERE}.version: '{version}' differs from that in the name, '{name}'; remove one")
    return match["name"], match["config"], version or match["version"]


def find_prepared(name: str, version: str | None, data_dir: str | None) -> Prepared:
    """Finds a prepared dataset and reads its metadata.

    Args:
        name: `NAME`, `NAME/CONFIG` or `NAME/CONFIG:VERSION`. Without a configuration its default one.
        version: Such as `3.0.1`. None: the newest one.
        data_dir: As `data_folder` takes it.

    Raises:
        NotPreparedError: It is not prepared.
        RequestError: It is incomplete, or of an unknown format.
    """
    name, config, version = split_name(name, version)
    root = data_folder(data_dir)
    folder = root / name
    if not folder.is_dir():
        there = [entry.name for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
        near = "".join(f", which holds '{other}'" for other in nearest(name, there))
        raise NotPreparedError(f"{WHERE}.name: '{name}' is not prepared in {root}{near}")
    if config is None and not _versions(folder):
        config = _default_config(folder)
    if config is not None:
        folder = folder / config
    versions = _versions(folder)
    if not versions or (version is not None and version not in versions):
        wanted = folder.relative_to(root).as_posix() + (f":{version}" if version else "")
        others = f", which holds {', '.join(versions)}" if versions else ""
        raise NotPreparedError(f"{WHERE}: '{wanted}' is not prepared in {root}{others}")
    return _read(folder / (version or versions[-1]), name)


def _versions(folder: Path) -> list[str]:
    found = [entry.name for entry in folder.iterdir() if _VERSION.fullmatch(entry.name)] if folder.is_dir() else []
    return sorted(found, key=lambda version: [int(number) for number in version.split(".")])


def _default_config(folder: Path) -> str:
    configs = sorted(entry.name for entry in folder.iterdir() if _versions(entry))
    try:
        default = _json(folder / ".config" / "metadata.json").get("default_config_name")
    except RequestError:
        default = None
    if default in configs:
        return default
    if len(configs) != 1:
        there = (
            f"has configurations {', '.join(configs)}; name one: {folder.name}/{configs[0]}" if configs else "is empty"
        )
        raise NotPreparedError(f"{WHERE}.name: '{folder.name}' in {folder.parent} {there}")
    return configs[0]


def _read(folder: Path, name: str) -> Prepared:
    try:
        prepared = _described(folder, name)
        held = sum(os.path.getsize(path) for part in prepared.parts for path in part.shards)
        if sum(sum(part.lengths) for part in prepared.parts) > held:  # a record takes a byte at least
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise RequestError(
            f"{WHERE}: dataset_info.json or features.json in {folder} is damaged; copy the folder again, or prepare "
            "it again"
        ) from None
    return prepared


def _described(folder: Path, name: str) -> Prepared:
    info = _json(folder / "dataset_info.json")
    file_format = info.get("fileFormat", "tfrecord")
    _text(file_format, info.get("configName") or "")
    if file_format not in ("tfrecord", "array_record"):
        raise RequestError(
            f"{WHERE}: {folder} is in the format {file_format}, expected array_record or tfrecord; prepare it again "
            "with file_format='array_record'"
        )
    config = f"/{info['configName']}" if info.get("configName") else ""
    parts = tuple(_parts(folder, name, file_format, info.get("splits", ())))
    missing = [path.name for part in parts for path in part.shards if not path.is_file()]
    if not parts or missing:
        what = f"lacks {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}" if missing else "is empty"
        raise RequestError(f"{WHERE}: {folder} is incomplete: it {what}; copy the folder again, or prepare it again")
    features = dict(_flat(_json(folder / "features.json")))
    return Prepared(folder, f"{name}{config}:{folder.name}", file_format, parts, features)


def _parts(folder: Path, name: str, file_format: str, splits: Sequence[Mapping[str, Any]]) -> Iterator[Part]:
    for split in splits:
        _text(split["name"], split.get("filepathTemplate") or "")
        lengths = tuple(int(length) for length in split.get("shardLengths", ()))
        if min(lengths, default=0) < 0:
            raise ValueError("a negative number of records")
        words = {"DATASET": name, "SPLIT": split["name"], "FILEFORMAT": file_format}
        template = _filled(split.get("filepathTemplate") or _SHARDS, words)
        shards = []
        for number in range(len(lengths)):
            shard, count = f"{number:05d}", f"{len(lengths):05d}"
            numbers = {"SHARD_INDEX": shard, "NUM_SHARDS": count, "SHARD_X_OF_Y": f"{shard}-of-{count}"}
            shards.append(folder / _filled(template, numbers))
        if sum(lengths):
            yield Part(split["name"], tuple(shards), lengths)


def _filled(template: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        template = template.replace(f"{{{word}}}", value)
    return template


def _flat(feature: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Features by name; those of dictionaries inside by their path, as records name them."""
    if "featuresDict" in feature:
        for name, inner in feature["featuresDict"].get("features", {}).items():
            yield from _flat(inner, f"{path}/{name}" if path else name)
    elif path:
        image, label = feature.get("image", {}), feature.get("classLabel", {})
        # What comes after trusts these types; another one raises here.
        [int(side) for side in image.get("shape", {}).get("dimensions", ())[:2]]
        _text(image.get("dtype") or "", feature.get("pythonClassName", "."), str(label.get("numClasses", 0)))
        yield path, feature


def _text(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("expected text")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_regular(path, _LARGEST_METADATA))
    except FileNotFoundError:
        raise RequestError(
            f"{WHERE}: {path.parent} is no prepared dataset: it has no {path.name}; copy the folder again, or prepare "
            "it again"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{WHERE}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(content, dict):
        raise RequestError(f"{WHERE}: {path} holds no JSON object; copy the folder again, or prepare it again")
    return content


def preparing_line(name: str, folder: Path | str) -> str:
    """The command that prepares a dataset."""
    return f'python -c "{_code(repr(name), repr(str(folder)))}"'


def prepare(name: str, folder: Path) -> None:
    """Downloads a dataset and prepares it for random access.

    TensorFlow Datasets runs in another process, because importing TensorFlow would fix its settings for this one.

    Args:
        name: Such as `mnist`, `imagenet_resized/64x64` or `mnist:3.0.1`.
        folder: The folder of prepared datasets.

    Raises:
        RequestError: There is no network, or the dataset cannot be prepared.
    """
    reason = _unreachable()
    if reason:
        raise RequestError(
            f"{WHERE}.download: no network: {PROBED} cannot be reached ({reason}); on a machine with network run "
            f"`{preparing_line(name, folder.name)}` and copy the folder here to {folder}"
        )
    print(printable(f"preparing {name} in {folder}"), file=sys.stderr)
    command = [sys.executable, "-c", f"import sys; {_code('sys.argv[1]', 'sys.argv[2]')}", name, str(folder)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = b""
        # Pieces, not lines: a progress bar is redrawn without ending its line.
        while process.stderr and (piece := os.read(process.stderr.fileno(), 1 << 16)):
            said = (said + piece)[-_LAST_WORDS:]
            if sys.stderr.isatty():  # progress bars
                os.write(2, piece)
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines() or [f"exit status {process.returncode}"]
        raise RequestError(f"{WHERE}.download: '{name}' cannot be prepared: {lines[-1].strip()}")


def _code(name: str, folder: str) -> str:
    # array_record files allow random access; there is no such package for Windows.
    random_access = ", file_format='array_record'" if importlib.util.find_spec("array_record") else ""
    return (
        "import tensorflow_datasets as tfds; "
        f"tfds.builder({name}, data_dir={folder}{random_access}).download_and_prepare()"
    )


def _unreachable() -> str | None:
    """Why the network cannot be used; None where it can."""
    try:
        open_url(PROBED, PATIENCE).close()
    except urllib.error.HTTPError:
        return None  # the server is reachable
    except OSError as error:
        return str(getattr(error, "reason", error))
    return None
