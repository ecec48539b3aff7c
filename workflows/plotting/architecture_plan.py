"""The content and order of an architecture diagram: a network's structure → sections of pieces."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from architectures.features import layer_name
from builders.spec import LossTerm, Spec
from workflows.network import Row, Stage, Structure
from workflows.plotting import diagram
from workflows.plotting.diagram import Block, Line, Piece, Scale, count_words, name_lines, shape_words
from workflows.plotting.diagram_groups import Branches, Chain, Fusion, Group, Offshoot, Step, Terms

FROZEN_PANEL, PANEL = "#eef5fa", "#f5f5f7"
_LONGEST_PERIOD = 4  # layers in what repeats

_FUSED = {"concat": "concatenate", "sum": "add", "mean": "average"}


@dataclass(frozen=True)
class Section:
    """Pieces that belong together; with a heading they are drawn on a panel."""

    pieces: Sequence[Piece]
    heading: list[Line] = field(default_factory=list)
    panel: str = PANEL


def plan(described: Structure, spec: Spec) -> list[Section]:
    """The sections of a diagram from left to right, from the original to the loss."""
    shapes = [row.shape for rows in described.sections.values() for row in rows]
    shapes += [described.embedding_shape] if described.embedding_shape else []
    scale = Scale([described.image_shape, described.code_shape, *shapes, *(stage.shape for stage in described.stages)])
    return [
        *_encoder(described, spec, scale),
        *_stack(described, spec, scale, "code", "code stage"),
        Section([_code(described, scale)]),
        *_stack(described, spec, scale, "decoder", _decoder_title(spec)),
        Section(_image(spec, scale, "image", "reconstruction", described.image_shape)),
    ]


def _encoder(described: Structure, spec: Spec, scale: Scale) -> Iterator[Section]:
    original = diagram.Picture(scale, described.image_shape, "original")
    if spec.encoder.latents is not None:
        words = ["learned with the decoder,", "one for each image"]
        lines = [Line("latent", 8, bold=True), Line(shape_words(described.code_shape)), *_faint(words)]
        latent = Block(_size(scale, described.code_shape), lines, diagram.TRAINED)
        yield Section([latent], _heading("latents", []))
        return
    if spec.encoder.embeddings is not None:
        shape = described.embedding_shape
        lines = [Line("embedding", 8, bold=True), Line(shape_words(shape)), *_faint(["from a file"])]
        yield Section([Block(_size(scale, shape), lines, diagram.FROZEN)], _heading("embeddings", []))
        return
    yield Section([original])
    if spec.encoder.backbone is None:
        yield from _stack(described, spec, scale, "encoder", "encoder")
        return
    network = [_stage(stage, scale) for stage in described.stages]
    frozen = described.sections["encoder"][0]
    heading = _heading(
        f"encoder: {spec.encoder.backbone.name}", [_weights_words(spec.encoder.weights), f"frozen, {_cost(frozen)}"]
    )
    yield Section([*_to_network(described, spec, scale), *network], heading, FROZEN_PANEL)
    yield from _fusion(described, spec, scale, network)


def _to_network(described: Structure, spec: Spec, scale: Scale) -> Iterator[Block]:
    """The steps before the network's own preprocessing."""
    height, width, channels = described.image_shape[1:]
    size = spec.encoder.input_size
    if channels == 1:
        yield _plain(scale, "grey as RGB", (None, height, width, 3))
    if size is not None:
        sides = (size, size) if isinstance(size, int) else tuple(size)
        yield _plain(scale, "resize", (None, *sides, 3), "antialiased")


def _stage(stage: Stage, scale: Scale) -> Block:
    shape = Line(shape_words(stage.shape), faint=not stage.tap)
    lines = [Line(words, 8, bold=True) for words in name_lines(stage.tap)] if stage.tap else []
    return Block(_size(scale, stage.shape), [*lines, shape], diagram.FROZEN)


def _fusion(described: Structure, spec: Spec, scale: Scale, network: list[Block]) -> Iterator[Section]:
    """The fusion of taps: on lanes where there are several, else in line."""
    fuse = spec.encoder.fuse
    rows = described.sections["fusion"]
    projections = {row.name: row for row in rows if row.name.startswith("project_")}
    joined = next((row for row in rows if row.kind == "Fusion"), None)
    interpolation = fuse.interpolation if fuse else "bilinear"
    used = list(spec.encoder.taps)[-(fuse.last or 0) if fuse else 0 :]
    tapped = [(block, stage) for block, stage in zip(network, described.stages) if stage.tap in used]
    whole = joined.shape if joined else rows[-1].shape
    lanes = []
    for block, stage in tapped:
        row = projections.get(layer_name("project", stage.tap, list(spec.encoder.taps)))
        project = Step(f"1×1 to {row.shape[-1]}", diagram.TRAINED) if row else None
        lanes.append((block, (project, _resize(stage.shape, whole, interpolation)), row))
    if joined:
        for piece in network[1:]:
            piece.sticky = True
        words = f"taps to {shape_words((None, *whole[1:-1]))}" if len(whole) > 2 else "taps side by side"
        weights = sum(row.trainable for _, _, row in lanes if row)
        notes = [words, *([f"{count_words(weights)} parameters"] if weights else [])]
        if branch := described.sections.get("residual"):
            notes.append("and a trained branch from the image,")
            notes.append(f"{count_words(sum(row.trainable for row in branch if row.depth == 0))} parameters")
        fusion = Fusion(network, [lane[:2] for lane in lanes], _FUSED[fuse.mode if fuse else "concat"])
        yield Section([fusion], _heading("fusion", notes))
        return
    _, (_, resize), row = lanes[0]
    pieces: list[Piece] = [_layer(replace(row, name="projection"), scale)] if row else []
    if resize:
        vector = len(tapped[0][1].shape) == 2
        pieces.append(_plain(scale, "repeat" if vector else "resize", whole, "" if vector else interpolation))
    if pieces:
        yield Section(pieces, _heading("fusion", []))


def _resize(shape: tuple, whole: tuple, interpolation: str) -> Step | None:
    before, after = shape[1:-1], whole[1:-1]
    if before == after:
        return None
    size = shape_words((None, *after))
    return Step(f"{shape_words((None, *before))} to {size}, {interpolation}" if before else f"repeat over {size}")


def _stack(described: Structure, spec: Spec, scale: Scale, name: str, title: str) -> Iterator[Section]:
    rows = [row for row in described.sections.get(name, []) if row.depth == 0]
    if rows:
        total = Row(name, "", (), sum(r.trainable for r in rows), 0, sum(r.multiply_adds for r in rows))
        words = [f"trained, {_cost(total)}"] if total.trainable else ["without weights"]
        yield Section(list(_pieces(rows, spec, scale)), _heading(title, words))


def _decoder_title(spec: Spec) -> str:
    return f"decoder: {spec.decoder.architecture.name}" if spec.decoder.architecture else "decoder"


def _code(described: Structure, scale: Scale) -> Block:
    shape = described.code_shape
    numbers, pixels = (math.prod(side or 1 for side in sides[1:]) for sides in (shape, described.image_shape))
    lines = [Line("code", 8, bold=True), Line(shape_words(shape))]
    if len(shape) > 2:
        lines.append(Line(f"{numbers:,} numbers", faint=True))
    ratio = f"{numbers / pixels:.3g}×" if numbers >= pixels else f"1/{pixels / numbers:.3g} of"
    lines.append(Line(f"{ratio} the image's", faint=True))
    return Block(_size(scale, shape), lines, diagram.CODE)


def _image(spec: Spec, scale: Scale, output: str, title: str, shape: tuple) -> list[Piece]:
    """A reconstructed image and its loss terms."""
    terms = [_term(name, term) for name, term in spec.loss.items() if term.output == output]
    picture = diagram.Picture(scale, shape, title, sharp=False)
    heading = [Line("loss", 8, bold=True), Line("against the original", faint=True)]
    return [picture, *([Terms([*heading, *map(Line, terms)])] if terms else [])]


def _term(name: str, term: LossTerm) -> str:
    kind = f" ({term.loss.name})" if term.loss.name != name else ""
    network = term.loss.arguments.get("backbone")
    looks = f" in {network if isinstance(network, str) else next(iter(network))}" if network else ""
    start = f", after {term.start}" if term.start.value else ""
    return f"{term.weight:g} × {name}{kind}{looks}{start}"


def _pieces(rows: Sequence[Row], spec: Spec, scale: Scale) -> Iterator[Piece]:
    for unit, times in repeats(rows):
        drawn = [_piece(row, spec, scale) for row in unit]
        if times == 1:
            yield from drawn
        else:
            yield Group(Chain(drawn), [Line(f"{times} times", 8, bold=True)])


def _piece(row: Row, spec: Spec, scale: Scale) -> Piece:
    if not row.inside:
        return _layer(row, scale)
    stacks = [list(_pieces(stack, spec, scale)) for stack in row.inside]
    notes = [row.details, *([f"{count_words(row.trainable)} parameters"] if row.trainable else [])]
    heading = [*_names(row), *_faint([", ".join(filter(None, notes))])]
    if len(stacks) > 1:
        return Branches(
            [Chain(stack) if stack else None for stack in stacks], heading, adds="add" in row.details.split()
        )
    if row.kind == "Output":
        image = _image(spec, scale, row.name, row.name, row.shape)
        heading = [Line(f"Output {row.name}", 8, bold=True)]
        return Offshoot(Chain([Group(Chain(stacks[0]), heading), *image]))
    return Group(Chain(stacks[0]), heading, bypass=row.kind == "Residual")


def _names(row: Row) -> list[Line]:
    given = given_name(row)
    if not given:
        return [Line(row.kind, 8, bold=True)]
    return [*(Line(words, 8, bold=True) for words in name_lines(given)), Line(row.kind, 7.6)]


def _layer(row: Row, scale: Scale) -> Block:
    count = row.trainable + row.frozen
    notes = [row.details, f"{count_words(count)} parameters" if count else ""]
    lines = [*_names(row), Line(shape_words(row.shape)), *_faint(notes)]
    return Block(_size(scale, row.shape), lines, diagram.colour_of(row))


def _plain(scale: Scale, name: str, shape: tuple, details: str = "") -> Block:
    lines = [Line(name, 8, bold=True), Line(shape_words(shape)), *_faint([details])]
    return Block(_size(scale, shape), lines, diagram.WEIGHTLESS)


def _size(scale: Scale, shape: tuple) -> tuple[float, float]:
    return scale.width(shape), scale.height(shape)


def _faint(words: Sequence[str]) -> list[Line]:
    return [Line(line, faint=True) for line in words if line]


def _heading(title: str, notes: Sequence[str]) -> list[Line]:
    return [Line(title, 9, bold=True), *_faint(notes)]


def _cost(row: Row) -> str:
    cost = f", {count_words(row.multiply_adds)} multiply-adds" if row.multiply_adds else ""
    return f"{count_words(row.trainable + row.frozen)} parameters{cost}"


def _weights_words(weights: str) -> str:
    if weights == "none":
        return "random weights"
    return f"weights: {Path(weights).name}"


def repeats(rows: Sequence[Row]) -> Iterator[tuple[Sequence[Row], int]]:
    """Cuts a stack into (layers, number of repetitions); only three or more repetitions are joined."""
    start = 0
    signs = [_sign(row) for row in rows]
    while start < len(rows):
        period, times = 1, 1
        for length in range(1, _LONGEST_PERIOD + 1):
            count = 1
            while signs[start + count * length : start + (count + 1) * length] == signs[start : start + length]:
                count += 1
            if count >= 3 and count * length > period * times:
                period, times = length, count
        yield rows[start : start + period], times
        start += period * times


def _sign(row: Row) -> tuple:
    """Equal for rows that are drawn alike."""
    inside = tuple(tuple(map(_sign, stack)) for stack in row.inside)
    return (given_name(row), row.kind, row.shape, row.trainable, row.frozen, row.details, inside)


def given_name(row: Row) -> str:
    """A layer's name in the spec; empty where it was named after its position."""
    return "" if re.fullmatch(rf".+_\d+_{row.kind.lower()}", row.name) else row.name
