"""Checks of what one value means for another: each module looks at one part of a spec."""

from itertools import chain, islice

from builders.spec.catalogue import Catalogue
from builders.spec.checks.adversary import adversary_checks
from builders.spec.checks.data import data_checks
from builders.spec.checks.image_range import image_range_checks
from builders.spec.checks.latents import latent_checks
from builders.spec.checks.network import network_checks
from builders.spec.checks.objective import objective_checks
from builders.spec.checks.schedule import schedule_checks
from builders.spec.checks.sweep import sweep_checks
from builders.spec.checks.view import View
from builders.spec.nodes import Node, Path
from builders.spec.problems import Problem
from builders.spec.structure import MOST_PROBLEMS


def cross_checks(root: Node, written: Node, merged: Node, faulty: set[Path], catalogue: Catalogue) -> list[Problem]:
    """What is wrong between values that are each right.

    Args:
        root: The complete tree.
        written: The tree as it was written: variables replaced, no defaults.
        merged: The tree with its variables still in place.
        faulty: Paths of values that are wrong by themselves; nothing more is said about them.
        catalogue: Everything a spec may name.
    """
    view = View(root, written, faulty, catalogue)
    checks = (
        data_checks,
        network_checks,
        latent_checks,
        adversary_checks,
        image_range_checks,
        objective_checks,
        schedule_checks,
    )
    found = chain(chain.from_iterable(check(view) for check in checks), sweep_checks(view, merged))
    return list(islice(found, MOST_PROBLEMS))
