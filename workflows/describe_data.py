"""`data`: what a spec's images are, before anything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from builders.image_data import ImageData, Part, open_data
from builders.image_store import MEMORY_SHARE, free_memory, in_threads, thread_count
from builders.pixel_values import BadImageError
from builders.sources.source import Values
from builders.spec import Spec, load_spec
from builders.value_remarks import sampled_values
from workflows.command_line import placed
from workflows.console import Counting, new_table
from workflows.outputs import check_outputs, files_read_by, own_file

_MEASURED = 10_000  # images of a split whose headers are read


@dataclass(frozen=True)
class SplitFacts:
    """What the images of one split are.

    Attributes:
        name: train, validation or test.
        count: Number of images.
        classes: Number of classes that occur.
        per_class: Fewest and most images of a class that occurs; None without labels.
        unlabelled: Images without a class, in a source that has classes.
        sizes: (height, width) of the smallest, the median and the largest image, by their pixels; empty where unknown.
        other_aspect: Share of images that have not the proportions of the dataset's.
        enlarged: Share of images that are smaller than the dataset's, in height or width.
        values: What values up to 64 of them hold, before they become 8 bits.
    """

    name: str
    count: int
    classes: int
    per_class: tuple[int, int] | None
    unlabelled: int
    sizes: tuple[tuple[int, int], ...]
    other_aspect: float
    enlarged: float
    values: tuple[Values, ...]


def describe(data: ImageData) -> list[SplitFacts]:
    """Facts about each split. Sizes are those of up to 10,000 images of each, evenly chosen."""
    return [_facts(data, name, part) for name, part in data.parts.items()]


def _facts(data: ImageData, name: str, part: Part) -> SplitFacts:
    source, (height, width, _) = data.source, data.shape
    labels = source.labels()[part.indices]
    _, members = np.unique(labels[labels >= 0], return_counts=True)

    def size_of(index: int) -> tuple[int, int] | None:
        try:
            return source.size_of(index)
        except BadImageError:
            return None

    chosen = np.unique(np.linspace(0, len(part.indices) - 1, _MEASURED).astype(int))
    found = in_threads(size_of, part.indices[chosen].tolist(), thread_count())
    sizes = np.array(sorted((size for size in found if size is not None), key=lambda size: size[0] * size[1]), int)
    known = len(sizes) > 0
    return SplitFacts(
        name,
        len(part.indices),
        len(members),
        (int(members.min()), int(members.max())) if len(members) else None,
        int((labels < 0).sum()) if source.class_names else 0,
        tuple((int(h), int(w)) for h, w in sizes[[0, len(sizes) // 2, -1]]) if known else (),
        # A pixel more or less is what resizing rounds away.
        float((np.abs(sizes[:, 0] * width / height - sizes[:, 1]) >= 1).mean()) if known else 0.0,
        float(((sizes[:, 0] < height) | (sizes[:, 1] < width)).mean()) if known else 0.0,
        sampled_values(source, part.indices),
    )


def print_data(data: ImageData, spec: Spec, console: Console) -> None:
    """Prints a table of the splits, and what else is to be known of the images.

    Args:
        data: The images.
        spec: The spec that describes them.
        console: Where to print.
    """
    image = spec.dataset.image
    height, width, channels = data.shape
    rows = [_row(facts) for facts in describe(data)]
    known = [column for column in rows[0] if any(row[column] for row in rows)]
    title = f"{spec.name}: {spec.dataset.source.name}, as {height}×{width}×{channels}, fit: {image.fit}"
    table = new_table(*known, title=title)
    for row in rows:
        table.add_row(*(row[column] or "–" for column in known))
    console.print(table)
    for line in (*_besides(data), *data.remarks):
        console.print(line)


def _row(facts: SplitFacts) -> dict[str, str]:
    """Column → text; empty where nothing is known."""
    smallest, median, largest = ([f"{height}×{width}" for height, width in facts.sizes]) or ("", "", "")
    return {
        "split": facts.name,
        "images": f"{facts.count:,}",
        "classes": f"{facts.classes:,}" if facts.per_class else "",
        "per class": "–".join(f"{count:,}" for count in dict.fromkeys(facts.per_class or ())),
        "without class": f"{facts.unlabelled:,}" if facts.unlabelled else "",
        "smallest": smallest,
        "median": median,
        "largest": largest,
        "other proportions": f"{facts.other_aspect:.0%}" if facts.sizes else "",
        "enlarged": f"{facts.enlarged:.0%}" if facts.sizes else "",
        "values": ", ".join(f"{values.lowest:g}–{values.highest:g}" for values in facts.values),
        "black–white": ", ".join(f"{values.black:g}–{values.white:g}" for values in facts.values),
    }


def _besides(data: ImageData) -> list[str]:
    """What no remark says: counts, and that nothing was found where something could have been."""
    used = sum(len(part.indices) for part in data.parts.values())
    lines = [f"{len(data.source):,} images in the source, {used:,} in splits"]
    if (pairing := data.embeddings) is not None:
        sides = "×".join(map(str, pairing.shape))
        lines.append(
            f"embeddings: {sides} numbers for each image, from '{pairing.table.path}', paired by {pairing.match}"
        )
    if data.drawn_classes:
        shown = ", ".join(data.drawn_classes[:10])
        more = f" and {len(data.drawn_classes) - 10} more" if len(data.drawn_classes) > 10 else ""
        lines.append(f"classes that take part: {shown}{more}")
    if data.bad:
        names = "; ".join(data.bad[index] for index in sorted(data.bad)[:3])
        lines.append(f"skipped, for unreadable: {len(data.bad)}: {names}")
    if data.equal is None:
        lines.append("equal images were not looked for: this source makes its images as they are needed")
    elif not data.equal:
        lines.append("no image is in several splits")
    return lines


def describe_data(
    path: str, overrides: Sequence[str], console: Console, plot: str | None = None, force: bool = False
) -> None:
    """Prints what the images of a spec are; TensorFlow is needed for the picture alone.

    Args:
        path: The spec.
        overrides: Settings over it, as `path=value`.
        console: Where to print.
        plot: Also draw the first batch as the network sees it to this file: .png, .svg or .pdf.
        force: Draw it also where a file is that `data` did not draw.

    Raises:
        RequestError: The spec or its data are not fit to train, or the file cannot be drawn to.
    """
    loaded = load_spec(path, overrides)
    spec = loaded.spec
    if plot is not None:
        from workflows.plotting.style import check_format

        check_format(plot)  # a mistake should not wait for the images
        check_outputs("data", [Path(plot)], [Path(path), *files_read_by(spec)], force, "--plot")
    with placed(loaded), Counting("checking images", 0, 1) as counting:
        data = open_data(spec, None, free_memory() * MEMORY_SHARE, thread_count(), counting.at)
    print_data(data, spec, console)
    if plot is not None:
        from workflows.command_line import import_tensorflow

        import_tensorflow()
        from builders.dataset_builder import Splits
        from workflows.plotting.grid import save_batch

        with placed(loaded), own_file(Path(plot), "data") as picture:
            save_batch(Splits(data, spec), spec, picture)
        console.print(f"drawn: {plot}")
