"""The typed, frozen form of a spec's `dataset`; see types.py."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from builders.spec.shapes import Doc, Key, Named
from builders.spec.values import Choice
from common.registry import Range

# A share of a part, which has a point (0.8; 1.0 is all of it), a count (64), or what the other splits leave.
Amount = float | int | Literal["rest"]


@dataclass(frozen=True)
class Image:
    """How every image of the dataset is brought to one shape, with values in [0, 1]."""

    size: Annotated[
        int | tuple[int, int] | None,
        Doc("Side in pixels, or [height, width]. Unset: the source's own size, where it has one."),
        Range(minimum=1, maximum=8192),
    ] = None
    channels: Annotated[Literal[1, 3], Doc("3 for colour, 1 for grey.")] = 3
    fit: Annotated[
        Literal["crop", "stretch", "pad"],
        Doc("crop: resize the short side, cut the centre. stretch: ignore proportions. pad: show all, on black."),
    ] = "crop"
    margin: Annotated[
        float,
        Doc("Share of the resized image that the crop cuts off: 0.125 resizes to 256 and crops 224 from it."),
        Range(minimum=0, below=1),
    ] = 0.0


@dataclass(frozen=True)
class Labels:
    """Labels of images from a table with a row for each file."""

    csv: Annotated[str, Doc("A text file with columns for files and labels; cells separated by , ; or tabs.")]
    column: Annotated[
        str | None, Doc("The column of the labels. Unset: `label`, `class` or the like, else the first but the files'.")
    ] = None
    file_column: Annotated[
        str | None, Doc("The column of the files. Unset: `file`, `image` or the like, else the first.")
    ] = None


@dataclass(frozen=True)
class SplitPart:
    """The images of one split."""

    take: Annotated[
        Amount, Doc("A share of the part (0.8; 1.0 is all), a count, or `rest`: what the other splits leave.")
    ] = "rest"
    from_part: Annotated[
        str | None, Key("from"), Doc("A part of the source by name, such as `train`, or a folder. Unset: everything.")
    ] = None
    per_class: Annotated[int | None, Doc("At most this many images of each class."), Range(minimum=1)] = None
    list_file: Annotated[
        str | None,
        Key("list"),
        Doc("A text file that names the split's images, one in each line, in place of `from`."),
    ] = None


@dataclass(frozen=True)
class Classes:
    """The classes of a labelled source that are used."""

    count: Annotated[int | None, Doc("This many classes, drawn by the seed."), Range(minimum=1)] = None
    names: Annotated[tuple[str, ...] | None, Doc("These classes. Short form: a plain list.")] = None


@dataclass(frozen=True)
class Dataset:
    """Where images come from and how they are divided."""

    source: Annotated[Choice, Named("source"), Doc("Where the images come from.")]
    image: Annotated[Image, Doc("The shape of every image.")] = Image()
    labels: Annotated[Labels | None, Doc("Labels from a table, in place of the source's own.")] = None
    split: Annotated[
        Mapping[Literal["train", "validation", "test"], SplitPart] | None,
        Doc("Which images train, validate and test. Unset: the source's own parts, or 0.8, 0.1 and the rest."),
    ] = None
    classes: Annotated[Classes | None, Doc("A choice of classes: `{count: 20}` or a list of names.")] = None
    balance: Annotated[bool, Doc("Draw training images uniformly over classes.")] = False
    batch_size: Annotated[int, Doc("Images in a step, over all replicas."), Range(minimum=1)] = 32
    shuffle: Annotated[bool, Doc("A new order of all training images each epoch, drawn from (seed, epoch).")] = True
    augment: Annotated[
        tuple[Annotated[Choice, Named("augmentation")], ...], Doc("Changes to training images, in order.")
    ] = ()
    on_bad_image: Annotated[
        Literal["error", "skip"],
        Doc("What an unreadable image does: stop before training, or be left out and counted."),
    ] = "error"
    duplicates: Annotated[
        Literal["allow", "keep_together"],
        Doc("Images with equal pixels: may be in several splits, with a warning, or all in one. Decodes all first."),
    ] = "allow"

    @property
    def sources(self) -> tuple[Choice, ...]:
        """The source, or those that a mixture is made of."""
        return tuple(_unmixed(self.source))


def _unmixed(source: Choice) -> Iterator[Choice]:
    if source.name != "mixture":
        yield source
        return
    for member in source.arguments["sources"]:
        [(name, arguments)] = member.items()
        yield from _unmixed(Choice(name, arguments or {}))
