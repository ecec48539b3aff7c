"""Latent space as the window knows it: directions, images, lines, and the point that is moved."""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from viewer.core.protocol import ImageSource

# A direction to show or move along: ("component", number), ("dimension", number), or NOTHING.
Axis = tuple[str, int]
NOTHING: Axis = ("nothing", 0)

_ARRAYS = ("center", "components", "deviations", "shares", "dimensions", "lows", "highs")
_SIGMAS = 3.0
# How far a dimension's slider extends beyond the images' range, as a share of it.
_MARGIN = 0.1


@dataclass(frozen=True, eq=False)
class Points:
    """Images in the space.

    Args:
        scores: float32 [n, components]: coordinates along the components.
        values: float32 [n, dimensions]: coordinates along `Space.dimensions`.
        labels: int64 [n], -1 where an image has no class.
    """

    scores: np.ndarray
    values: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], signs: np.ndarray) -> "Points":
        """From the worker's arrays, with the space's signs of components."""
        return cls(arrays["scores"] * signs, arrays["values"], arrays["labels"])

    def and_also(self, other: "Points") -> "Points":
        """These images and others."""
        pairs = ((self.scores, other.scores), (self.values, other.values), (self.labels, other.labels))
        return Points(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, eq=False)
class Space:
    """The latent space of a run at a checkpoint.

    Args:
        run: The run's directory.
        checkpoint: Its step.
        learned: Whether points are learned latents; else they are codes of an encoder.
        split: Split of the images.
        total: Number of images in the split.
        class_names: Names of the labels; empty where unknown.
        constraint: Constraint on the latents: none, ball or sphere.
        center: float32 [d], the mean of all points.
        components: float32 [k, d], orthonormal.
        deviations: float32 [k], the standard deviation along each component.
        shares: float32 [k], their shares of the variance.
        dimensions: int64 [m], ascending: the dimensions of largest variance; all of few.
        lows: float32 [m], minimum along each dimension.
        highs: float32 [m], maximum along each dimension.
        points: The images that are drawn.
        signs: float32 [k]: -1 where a component was flipped to agree with the previous checkpoint.
    """

    run: str
    checkpoint: str
    learned: bool
    split: str
    total: int
    class_names: tuple[str, ...]
    constraint: str
    center: np.ndarray
    components: np.ndarray
    deviations: np.ndarray
    shares: np.ndarray
    dimensions: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    points: Points
    signs: np.ndarray

    @classmethod
    def of(cls, asked: Mapping[str, Any], values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Space":
        """From the worker's reply."""
        signs = np.ones(len(arrays["components"]), np.float32)
        rest: dict[str, Any] = {name: values[name] for name in ("learned", "split", "total", "constraint")}
        rest |= {name: arrays[name] for name in _ARRAYS}
        return cls(
            run=asked["run"],
            checkpoint=asked["checkpoint"],
            class_names=tuple(values["class_names"]),
            points=Points.of(arrays, signs),
            signs=signs,
            **rest,
        )

    def aligned(self, previous: "Space | None") -> "Space":
        """With components flipped where they are then closer to those of the previous space."""
        if previous is None or previous.run != self.run or previous.size != self.size:
            return self
        both = min(len(self.components), len(previous.components))
        agreement = np.einsum("kd,kd->k", self.components[:both], previous.components[:both])
        signs = np.ones_like(self.signs)
        signs[:both] = np.where(agreement < 0, -1.0, 1.0)
        points = replace(self.points, scores=self.points.scores * signs)
        return replace(self, components=self.components * signs[:, np.newaxis], points=points, signs=signs)

    @property
    def size(self) -> int:
        """Number of dimensions."""
        return len(self.center)

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """Classes of the images, ascending."""
        return tuple(int(label) for label in np.unique(self.points.labels) if label >= 0)

    def class_name(self, label: int) -> str:
        """Name of a class; empty for -1."""
        if label < 0:
            return ""
        return self.class_names[label] if label < len(self.class_names) else f"class {label}"

    # Axes

    def axes(self) -> list[Axis]:
        """Axes of the plane to choose from: dimensions where there are at most two, else components first."""
        return [*([] if self.size <= 2 else self.sliders("component")), *self.sliders("dimension")]

    def sliders(self, kind: str) -> list[Axis]:
        """All components, or all of `dimensions`."""
        numbers = range(len(self.components)) if kind == "component" else self.dimensions.tolist()
        return [(kind, number) for number in numbers]

    def title(self, axis: Axis) -> str:
        """`PC 1 · 34 %`, `dim 17`."""
        kind, number = axis
        if kind == "component":
            share = self.shares[number] * 100
            return f"PC {number + 1} · {f'{share:.0f}' if share >= 10 else f'{share:.2g}'} %"
        return f"dim {number}" if kind == "dimension" else "nothing"

    def direction(self, axis: Axis) -> np.ndarray:
        """float32 [d], of length 1."""
        kind, number = axis
        if kind == "component":
            return self.components[number]
        direction = np.zeros(self.size, np.float32)
        direction[number] = kind == "dimension"
        return direction

    def place(self, vector: np.ndarray, axis: Axis) -> float:
        """Coordinate of a point along an axis; along components from the mean."""
        kind, number = axis
        if kind == "component":
            return float((vector - self.center) @ self.components[number])
        return float(vector[number]) if kind == "dimension" else 0.0

    def places(self, points: Points, axis: Axis) -> np.ndarray:
        """float32 [n]: coordinates of images along an axis."""
        kind, number = axis
        if kind == "component":
            return points.scores[:, number]
        if kind == "dimension":
            return points.values[:, int(np.searchsorted(self.dimensions, number))]
        return np.zeros(len(points.labels), np.float32)

    def moved(self, vector: np.ndarray, axes: tuple[Axis, Axis], to: tuple[float, float]) -> np.ndarray:
        """A point moved to two coordinates in the plane of two different axes; the remainder stays."""
        wanted = np.array([place - self.place(vector, axis) for axis, place in zip(axes, to)])
        directions = np.stack([self.direction(axis) for axis in axes]).astype(np.float64)
        # A component and a dimension are not orthogonal: moving along one moves along the other as well.
        steps = np.linalg.pinv(directions @ directions.T) @ wanted
        return (vector + steps @ directions).astype(np.float32)

    # Sliders

    def unit(self, axis: Axis) -> float:
        """Unit of a slider: a component's standard deviation, or 1 for a dimension."""
        deviation = float(self.deviations[axis[1]]) if axis[0] == "component" else 1.0
        return deviation if deviation > 0 else 1.0

    def reach(self, axis: Axis) -> tuple[float, float]:
        """Ends of a slider, in its unit."""
        if axis[0] == "component":
            return -_SIGMAS, _SIGMAS
        at = int(np.searchsorted(self.dimensions, axis[1]))
        low, high = float(self.lows[at]), float(self.highs[at])
        margin = _MARGIN * (high - low) or 1.0
        return low - margin, high + margin

    def amount(self, vector: np.ndarray, axis: Axis) -> float:
        """Value of a slider, in its unit."""
        return self.place(vector, axis) / self.unit(axis)

    def with_amount(self, vector: np.ndarray, axis: Axis, amount: float) -> np.ndarray:
        """A point moved along one axis to a slider's value."""
        step = (amount - self.amount(vector, axis)) * self.unit(axis)
        return (vector + np.float32(step) * self.direction(axis)).astype(np.float32)

    # Lines

    def between(self, first: np.ndarray, last: np.ndarray, share: float) -> np.ndarray:
        """A point between two, float32 [d]: on a line, or on the sphere where latents are constrained to it.

        Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
        """
        if self.constraint == "sphere":
            lengths = float(np.linalg.norm(first)), float(np.linalg.norm(last))
            if min(lengths) > 0:
                cosine = float(first @ last) / (lengths[0] * lengths[1])
                angle = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
                if np.sin(angle) > 1e-4:
                    weights = np.sin((1 - share) * angle), np.sin(share * angle)
                    length = (1 - share) * lengths[0] + share * lengths[1]
                    direction = weights[0] * first / lengths[0] + weights[1] * last / lengths[1]
                    return (direction * (length / np.sin(angle))).astype(np.float32)
        return ((1 - share) * first + share * last).astype(np.float32)


# Most numbers in all places that undo keeps; a code may have a hundred thousand.
_MOST_NUMBERS = 4_000_000


@dataclass(frozen=True, eq=False)
class Place:
    """The point, and the two ends between which it may be moved.

    Args:
        run: Run of the space.
        vector: float32 [d].
        source: The image whose code it is; None for other points.
        checkpoint: The checkpoint of that code.
        share: Its share of the way from the first end to the last, 0 to 1; None elsewhere.
        first: float32 [d], the end A; None until set.
        last: float32 [d], the end B.
    """

    run: str
    vector: np.ndarray
    source: ImageSource | None = None
    checkpoint: str = ""
    share: float | None = None
    first: np.ndarray | None = None
    last: np.ndarray | None = None

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Both ends; None until both are set."""
        return None if self.first is None or self.last is None else (self.first, self.last)


@dataclass(frozen=True)
class Decoded:
    """The decoded point.

    Args:
        checkpoint: Checkpoint of the decoder.
        vector: float32 [d], the point.
        image: float32 [height, width, channels] in [0, 1].
        nearest: The nearest image, likewise: the original, or its decoded point.
        is_original: Whether `nearest` is the original.
        distance: Distance to the nearest image's point.
        label: Class of that image, -1 without one.
        name: Name of that image.
    """

    checkpoint: str
    vector: np.ndarray
    image: np.ndarray
    nearest: np.ndarray
    is_original: bool
    distance: float
    label: int
    name: str


class Memory:
    """A place for undo; `place` is None once it is forgotten."""

    def __init__(self, place: Place | None):
        self.place = place


class Memories:
    """The places for undo; the oldest are forgotten when they take too much memory."""

    def __init__(self):
        # Weak, so that places dropped by undo are freed.
        self._kept: list[weakref.ref[Memory]] = []

    def keep(self, memory: Memory) -> Memory:
        """Registers a place, which undo must have recorded before, and may forget the oldest ones."""
        alive = [kept for kept in self._kept if (old := kept()) is not None and old.place is not None]
        alive.append(weakref.ref(memory))
        for kept in alive[: max(0, len(alive) - max(1, _MOST_NUMBERS // len(memory.place.vector)))]:
            if (old := kept()) is not None:
                old.place = None
        self._kept = alive
        return memory
