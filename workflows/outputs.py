"""Files that a command writes to a place that the user names: it replaces files that it wrote itself, and no others.

A command names all its files before TensorFlow is loaded and before it writes the first. It recognises its own by
their seal: a short text where the format has room for remarks (a PNG's text chunk, a comment at the end of an SVG, a
PDF or a .npz archive, the metadata of safetensors). A seal names the command and holds a sha256 over the command, the
file's name and its content, so a file that was edited since has none that fits. A .csv or .npy file has no such room:
the seal of a picture written with it vouches for it.
"""

import contextlib
import hashlib
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from builders.spec import Choice, Features, Spec
from common.errors import RequestError
from common.files import atomic_file, open_regular
from common.formatting import printable
from common.picture_formats import SUFFIXES
from common.program import installed
from run_directory.run import Run

# Identifies a file whatever its name and the links to it.
_Identity = tuple[int, int]


def check_outputs(
    by: str,
    paths: Sequence[Path],
    inputs: Iterable[Path] = (),
    force: bool = False,
    option: str = "--out",
    vouchers: Mapping[Path, Path] | None = None,
) -> None:
    """Refuses what cannot be written, would replace an input, or a file that the command did not write.

    Args:
        by: The command, such as `reconstruct`.
        paths: All files that it will write.
        inputs: Files that it reads, and folders whose images it reads. A picture inside such a folder would be read as
            an image by the next call.
        force: Also replace files that it did not write; an input is never replaced.
        option: The option or argument that names the files.
        vouchers: File that has no room for a seal → the file whose seal vouches for it.

    Raises:
        RequestError: One line that names the first file and says how many there are.
    """
    inputs = [path for path in inputs if os.path.exists(path)]
    _refuse_folders(paths, [path for path in inputs if path.is_dir()], option)
    check_writable([path.parent for path in paths], f"name another place with {option}")
    there = [path for path in paths if os.path.lexists(path)]
    if not there:
        return
    read = {_identity(path) for path in inputs}
    if found := [path for path in there if _identity(path) in read]:
        raise RequestError(
            f"{_first(found)} would be replaced, and is read by this command; name another place with {option}"
        )
    if found := [path for path in there if not stat.S_ISREG(os.lstat(path).st_mode) and not path.is_symlink()]:
        raise RequestError(f"{_first(found)} is no regular file; name another place with {option}")
    if force:
        return
    vouchers = vouchers or {}
    if found := [path for path in there if not _is_own(path, by, vouchers.get(path))]:
        raise RequestError(
            f"{_first(found)} would be replaced, and was not written by `{by}` or was changed since; "
            f"name another place with {option}, or replace with --force"
        )


def check_writable(folders: Iterable[Path], fix: str) -> None:
    """Raises RequestError where a file cannot be made in one of the folders, or one that is missing cannot be made.

    Args:
        folders: The folders.
        fix: How to fix it.
    """
    for folder in dict.fromkeys(map(_nearest_existing, folders)):
        try:
            with tempfile.TemporaryFile(dir=folder):  # what permissions say is not all: a disk may be read-only
                pass
        except OSError as error:
            raise RequestError(f"{printable(folder)}: cannot be written to ({error.strerror}); {fix}") from None


def _nearest_existing(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if os.path.exists(place)), folder)


@contextlib.contextmanager
def own_file(path: Path, by: str, vouched: str | None = None) -> Iterator[Path]:
    """Yields a temporary path beside `path`; what was written there is sealed and takes its place, whole or not at all.

    Where nothing was written, nothing takes its place.

    Args:
        path: The file, of a kind that can be sealed.
        by: The command.
        vouched: `content_hash` of a file that this one vouches for.
    """
    with contextlib.suppress(_NothingWritten), atomic_file(path) as temporary:
        yield temporary
        if temporary.stat().st_size == 0:
            raise _NothingWritten
        seal(temporary, by, path.name, vouched)


class _NothingWritten(Exception):
    pass


def files_read_by(spec: Spec) -> list[Path]:
    """The files and folders that a spec's data and weights come from."""
    named = [value for source in spec.dataset.sources for value in source.arguments.values() if isinstance(value, str)]
    named += [part.list_file for part in (spec.dataset.split or {}).values() if part.list_file is not None]
    if spec.dataset.labels is not None:
        named.append(spec.dataset.labels.csv)
    networks: list[Features | Mapping[str, Any]] = [spec.encoder, *([spec.discriminator] if spec.discriminator else [])]
    for choice in [term.loss for term in spec.loss.values()] + list(spec.metrics):
        networks += [choice.arguments] if "backbone" in choice.arguments else []
    for network in networks:
        named += _named_by(network)
    if spec.encoder.embeddings is not None:
        named.append(spec.encoder.embeddings.path)
    return [path for path in (Path(os.path.expanduser(value)) for value in named) if path.exists()]


def _named_by(network: Features | Mapping[str, Any]) -> list[str]:
    """What a frozen network of a spec may come from: its weights, and its own file."""
    if not isinstance(network, Mapping):
        network = {"backbone": network.backbone, "weights": network.weights}
    backbone = network["backbone"]
    if backbone is None:
        return []
    arguments = backbone.arguments if isinstance(backbone, Choice) else {}
    if isinstance(backbone, Mapping):
        [arguments] = backbone.values()
    named = [network.get("weights"), *(arguments or {}).values()]
    return [value for value in named if isinstance(value, str)]


def _refuse_folders(paths: Sequence[Path], folders: Sequence[Path], option: str) -> None:
    read = {_identity(folder): folder for folder in folders}
    known: dict[Path, Path | None] = {}
    for path in paths if read else ():
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.parent not in known:
            above = (read.get(_identity(folder)) for folder in (path.parent.resolve(), *path.parent.resolve().parents))
            known[path.parent] = next((folder for folder in above if folder is not None), None)
        if (folder := known[path.parent]) is not None:
            raise RequestError(
                f"{option} {printable(path.parent)}: is inside {printable(folder)}, whose images are read, so the next "
                "call would take results for originals; name a place outside of it"
            )


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_own(path: Path, by: str, voucher: Path | None) -> bool:
    if path.is_symlink():
        return False
    if voucher is None:
        return vouched_by(path, by) is not None
    vouched = vouched_by(voucher, by)
    return vouched is not None and vouched == content_hash(by, path, path.name)


def _first(found: Sequence[Path]) -> str:
    return f"{printable(found[0])}{f' and {len(found) - 1} more' if len(found) > 1 else ''}"


_HASH = 64  # hexadecimal digits
_NO_HASH = "0" * _HASH
_EMPTY = "?" * _HASH
_CHUNK = 2**20
_MOST_METADATA = 2**24
_PNG_TEXT = b"tEXtComment\0"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_XML_END, _PDF_END = b" -->\n", b"\n"


def blank_seal(by: str, vouched: str | None = None) -> str:
    """A seal without its hash, which a safetensors file holds in its metadata until `seal` fills it in."""
    return f"retrace {by} {_EMPTY} {vouched or _NO_HASH}"


def seal(path: Path, by: str, name: str, vouched: str | None = None) -> None:
    """Seals a file that was just written.

    Args:
        path: The file, under its temporary name.
        by: The command that wrote it, such as `reconstruct`.
        name: What the file will be called: .png, .svg, .pdf, .npz or .safetensors.
        vouched: `content_hash` of a file without room for a seal that is written with this one.
    """
    blank, suffix = blank_seal(by, vouched).encode(), Path(name).suffix.lower()
    _add_blank(path, suffix, blank)
    with path.open("rb+") as file:
        place = _place(file, suffix, len(blank))
        text = blank.replace(_EMPTY.encode(), _digest(file, place, by, name, vouched or _NO_HASH).encode())
        file.seek(place[1])
        file.write(text)
        if suffix == ".png":
            file.write(struct.pack(">I", zlib.crc32(_PNG_TEXT + text)))


def vouched_by(path: Path, by: str) -> str | None:
    """Whether a command wrote a file and it was neither changed nor renamed since.

    Returns:
        None where it did not, or where the file is no regular one; else the `content_hash` of the file that this one
        vouches for, or zeros where it vouches for none.
    """
    suffix, length = path.suffix.lower(), len(blank_seal(by))
    try:
        with open_regular(path) as file:
            place = _place(file, suffix, length)
            file.seek(place[1])
            text = file.read(length).decode("ascii")
            vouched = text[-_HASH:]
            if not text.startswith(f"retrace {by} "):
                return None  # before a large file is read
            if text == blank_seal(by, vouched).replace(_EMPTY, _digest(file, place, by, path.name, vouched)):
                return vouched
    except (OSError, ValueError, zipfile.BadZipFile):  # no file that this project writes
        pass
    return None


def content_hash(by: str, path: Path, name: str) -> str:
    """The hash of a file without room for a seal, under the name that it will have."""
    with open_regular(path) as file:
        return _hash_of(file, [(0, os.fstat(file.fileno()).st_size)], by, name)


def _digest(file: BinaryIO, place: tuple[int, int, int], by: str, name: str, vouched: str) -> str:
    start, text, end = place
    return _hash_of(file, [(start, text), (end, os.fstat(file.fileno()).st_size)], by, name, vouched)


def _hash_of(file: BinaryIO, ranges: list[tuple[int, int]], *words: str) -> str:
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape"))
    for start, end in ranges:
        file.seek(start)
        while start < end and (content := file.read(min(_CHUNK, end - start))):
            digest.update(content)
            start += len(content)
    return digest.hexdigest()


def _add_blank(path: Path, suffix: str, blank: bytes) -> None:
    """Makes room for a seal at the end of a file."""
    if suffix == ".npz":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = blank
        return
    with path.open("rb+") as file:
        file.seek(-len(_PNG_END) if suffix == ".png" else 0, os.SEEK_END)
        if suffix == ".png":
            file.write(struct.pack(">I", len(_PNG_TEXT) - 4 + len(blank)) + _PNG_TEXT + blank + b"\0\0\0\0" + _PNG_END)
        elif suffix == ".svg":
            file.write(b"<!-- " + blank + _XML_END)
        elif suffix == ".pdf":
            file.write(b"% " + blank + _PDF_END)


def _place(file: BinaryIO, suffix: str, length: int) -> tuple[int, int, int]:
    """Where the hashed content begins, where the seal begins, and where content goes on that is hashed as well.

    Raises:
        ValueError, OSError, BadZipFile: The file has no seal.
    """
    size = os.fstat(file.fileno()).st_size
    if suffix == ".png":  # behind the text comes its checksum
        end = size - len(_PNG_END)
        return 0, end - 4 - length, end
    if suffix == ".npz":  # the directory of an archive holds the checksums of all that is in it
        with zipfile.ZipFile(file) as archive:
            return archive.start_dir, size - length, size
    if suffix == ".safetensors":
        header = file.read(min(_MOST_METADATA, size))
        place = header.index(b"retrace ")
        return 0, place, place + length
    return 0, size - length - len(_XML_END if suffix == ".svg" else _PDF_END), size


# What `features` writes. Only .npz has room for a seal; the others are replaced only with --force.
FEATURE_FILES = (".npz", ".npy", ".parquet", ".csv")
METRICS, SIDE_BY_SIDE = "metrics.csv", "side_by_side.png"
COPY_RUN = "copy the run elsewhere"


def check_validation(run: Run) -> None:
    """Raises RequestError where the figures and pictures of a validation cannot be written into a run."""
    check_writable([run.path, run.inside("evaluation"), run.figures_dir], COPY_RUN)


def check_reconstructions(
    spec: Spec,
    files: Sequence[Path],
    out: str | os.PathLike,
    arrays: bool = False,
    force: bool = False,
    folders: Iterable[str | os.PathLike] = (),
    names: Sequence[str] | None = None,
) -> None:
    """Refuses to reconstruct where that would replace an image, or a file that `reconstruct` did not write.

    Args:
        spec: The run's spec.
        files: The images.
        out: The directory that is written to.
        arrays: Whether a .npy file is written for each image as well.
        force: Also replace files that `reconstruct` did not write.
        folders: Where the images were looked for.
        names: Of what is written, without suffix. Unset: those of the images.

    Raises:
        RequestError: Nothing was written.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"--out {printable(folder)}: is a file; give a directory, which is made where it is missing")
    pictures = [folder / f"{name}.png" for name in names or reconstruction_names(files)]
    vouchers = {folder / METRICS: folder / SIDE_BY_SIDE}
    if arrays:
        vouchers |= {picture.with_name(f"{picture.name[:-4]}.npy"): picture for picture in pictures}
    check_outputs(
        "reconstruct",
        [*pictures, folder / SIDE_BY_SIDE, *vouchers],
        inputs=[*files, *map(Path, folders), *files_read_by(spec)],
        force=force,
        vouchers=vouchers,
    )


def reconstruction_names(files: Iterable[Path]) -> list[str]:
    """For each image the name, without suffix, of the files that are made from it: its own, numbered where taken."""
    return unique_names(file.stem for file in files)


def unique_names(wanted: Iterable[str]) -> list[str]:
    """Names with a number where they are taken; they differ also on file systems that ignore case."""
    names, taken, numbers = [], {Path(SIDE_BY_SIDE).stem}, Counter[str]()
    for own in wanted:
        name = own
        while name.lower() in taken:
            numbers[own] += 1
            name = f"{own}-{numbers[own] + 1}"
        taken.add(name.lower())
        names.append(name)
    return names


def check_features(spec: Spec, files: Iterable[Path], out: str | os.PathLike, force: bool = False) -> None:
    """Refuses to write features where that would replace what is read, or a file that `features` did not write.

    Args:
        spec: The spec whose taps are read.
        files: The images.
        out: The file that is written.
        force: Also replace a file that `features` did not write.

    Raises:
        RequestError: Nothing was written.
    """
    suffix, shown = Path(out).suffix, printable(out)
    if suffix not in FEATURE_FILES:
        raise RequestError(f"--out {shown}: expected a file name that ends in one of {', '.join(FEATURE_FILES)}")
    if suffix in (".npy", ".csv") and len(spec.encoder.taps) > 1:
        raise RequestError(
            f"--out {shown}: a {suffix} file holds one tap, and encoder.taps names {len(spec.encoder.taps)}; write a "
            ".npz or .parquet file"
        )
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise RequestError(f"--out {shown}: a .parquet file needs pyarrow: {installed('parquet')}")
    check_outputs("features", [Path(out)], inputs=[*files, *files_read_by(spec)], force=force)
