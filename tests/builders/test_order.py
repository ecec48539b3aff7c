"""Orders are permutations drawn from (seed, epoch); seeds of images depend on nothing else."""

import numpy as np

from builders.order import balanced_order, draw_classes, epoch_order, image_seeds, split_order


def test_an_epoch_is_a_permutation_of_its_own():
    first = epoch_order(42, 0, 1000)
    np.testing.assert_array_equal(np.sort(first), np.arange(1000))
    np.testing.assert_array_equal(first, epoch_order(42, 0, 1000))
    for other in (epoch_order(42, 1, 1000), epoch_order(43, 0, 1000), split_order(42, 1000), np.arange(1000)):
        assert (first == other).mean() < 0.02
    np.testing.assert_array_equal(epoch_order(42, 5, 4, shuffle=False), np.arange(4))


def test_the_order_never_changes_between_versions():
    assert epoch_order(42, 3, 10).tolist() == [9, 2, 3, 1, 0, 6, 5, 7, 8, 4]
    assert image_seeds(42, 3, np.array([0, 7])).tolist() == [[-824112793, 2008171503], [1247743765, 129890907]]


def test_balance_shows_each_class_equally_often():
    labels = np.repeat([0, 1, 2], [90, 9, 1])
    for shuffle in (True, False):
        order = balanced_order(42, 0, labels, shuffle)
        assert np.bincount(labels[order]).tolist() in ([34, 33, 33], [33, 34, 33], [33, 33, 34])
        # No image of the large class twice, all of the small one before any again.
        assert np.bincount(order, minlength=100)[:90].max() == 1
        assert np.ptp(np.bincount(order, minlength=100)[90:99]) <= 1
    assert (balanced_order(42, 1, labels) != balanced_order(42, 2, labels)).any()
    equal = np.tile([0, 1], 50)
    np.testing.assert_array_equal(np.sort(balanced_order(1, 0, equal)), np.arange(100))


def test_image_seeds_differ_by_seed_epoch_and_index_but_not_by_place():
    indices = np.arange(10_000)
    seeds = image_seeds(42, 0, indices)
    assert len(np.unique(seeds, axis=0)) == 10_000
    np.testing.assert_array_equal(image_seeds(42, 0, indices[::-1])[::-1], seeds)
    assert (image_seeds(42, 1, indices) != seeds).any(axis=1).all()
    assert (image_seeds(43, 0, indices) != seeds).any(axis=1).all()


def test_classes_are_drawn_by_the_seed():
    drawn = draw_classes(42, 20, 200)
    assert len(set(drawn.tolist())) == 20 and drawn.max() < 200
    assert drawn.tolist() != draw_classes(43, 20, 200).tolist()
