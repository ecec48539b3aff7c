"""Order and seeds: all randomness of data, drawn from (seed, epoch, index)."""

from collections.abc import Sequence

import numpy as np

_SPLITS, _EPOCHS = 0, 1  # what a Philox stream is for; streams of different uses never meet


def _generator(seed: int, use: int, number: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed + (use << 32), number]))


def split_order(seed: int, count: int) -> np.ndarray:
    """int64 [count]: the order in which splits draw images."""
    return _generator(seed, _SPLITS).permutation(count)


def draw_classes(seed: int, count: int, classes: int) -> np.ndarray:
    """int64 [count]: class numbers drawn from `classes` by the seed, ascending."""
    return np.sort(_generator(seed, _SPLITS, 1).permutation(classes)[:count])


def epoch_order(seed: int, epoch: int, count: int, shuffle: bool = True) -> np.ndarray:
    """int64 [count]: a permutation of all positions for an epoch, from 0; in order where `shuffle` is False."""
    return _generator(seed, _EPOCHS, epoch).permutation(count) if shuffle else np.arange(count)


def balanced_order(seed: int, epoch: int, labels: np.ndarray, shuffle: bool = True) -> np.ndarray:
    """int64 [count]: positions drawn uniformly over classes, so that each class is equally frequent in every epoch.

    Within a class images are drawn without replacement until all have appeared; then the class begins again.

    Args:
        seed: The spec's seed.
        epoch: From 0.
        labels: int64 [count], the class of each position.
        shuffle: False alternates over classes, each in order.
    """
    generator = _generator(seed, _EPOCHS, epoch)
    classes = np.unique(labels)
    turns = -(-len(labels) // len(classes))
    rounds = np.tile(classes, (turns, 1))
    drawn = (generator.permuted(rounds, axis=1) if shuffle else rounds).reshape(-1)[: len(labels)]
    return _members_in_turn(generator, labels, drawn, shuffle)


def weighted_order(
    seed: int, epoch: int, groups: np.ndarray, weights: Sequence[float], shuffle: bool = True
) -> np.ndarray:
    """int64 [count]: positions drawn so that groups have given shares of every epoch and of every stretch of it.

    Within a group images are drawn without replacement until all have appeared; then the group begins again.

    Args:
        seed: The spec's seed.
        epoch: From 0.
        groups: int64 [count], the group of each position.
        weights: The share of each group, by its number; those of absent groups do not count.
        shuffle: False alternates over groups, each in order.
    """
    generator = _generator(seed, _EPOCHS, epoch)
    present = np.unique(groups)
    wanted = np.array([weights[group] for group in present])
    wanted = wanted / wanted.sum() * len(groups)
    counts = np.floor(wanted).astype(np.int64)
    # What rounding left goes to those that it took most from.
    counts[np.argsort(counts - wanted, kind="stable")[: len(groups) - counts.sum()]] += 1
    # The k-th image of a group of n comes at a moment in the k-th of n equal parts of the epoch.
    moments = [
        (np.arange(count) + (generator.random(count) if shuffle else 0.5)) / max(1, count) for count in counts.tolist()
    ]
    drawn = np.repeat(present, counts)[np.argsort(np.concatenate(moments), kind="stable")]
    return _members_in_turn(generator, groups, drawn, shuffle)


def _members_in_turn(
    generator: np.random.Generator, groups: np.ndarray, drawn: np.ndarray, shuffle: bool
) -> np.ndarray:
    """A position of each drawn group; a group's positions in turn, each time in a new order."""
    order = np.empty(len(drawn), np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        places = np.flatnonzero(drawn == group)
        passes = -(-len(places) // len(members))
        pool = [generator.permutation(members) if shuffle else members for _ in range(passes)]
        if pool:
            order[places] = np.concatenate(pool)[: len(places)]
    return order


def image_seeds(seed: int, epoch: int, indices: np.ndarray) -> np.ndarray:
    """int32 [n, 2]: a seed for the augmentation of each image, by its index in the source (int64 [n])."""
    state = _mix(_mix(np.uint64(seed)) + np.uint64(epoch))
    return _mix(state + indices.astype(np.uint64)).view(np.int32).reshape(-1, 2)


def _mix(value):
    """One step of SplitMix64 (Steele, Lea, Flood 2014): neighbouring numbers become unrelated ones."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64
        value = np.atleast_1d(value) + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))
