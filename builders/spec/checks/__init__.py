"""Checks between values: each module covers one part of a spec."""

from itertools import chain, islice

from builders.spec.checks.data import data_checks
from builders.spec.checks.images import image_range_checks, image_size_checks
from builders.spec.checks.network import adversary_checks, embedding_checks, latent_checks, network_checks
from builders.spec.checks.objective import objective_checks
from builders.spec.checks.size import size_checks
from builders.spec.checks.sweep import sweep_checks
from builders.spec.checks.training import optimizer_checks, schedule_checks
from builders.spec.checks.view import View
from builders.spec.problems import Problem
from builders.spec.walker import MOST_PROBLEMS


def cross_checks(view: View) -> list[Problem]:
    """Problems between values that are each right."""
    checks = (
        data_checks,
        network_checks,
        latent_checks,
        embedding_checks,
        adversary_checks,
        image_range_checks,
        image_size_checks,
        objective_checks,
        optimizer_checks,
        schedule_checks,
        size_checks,
        sweep_checks,
    )
    return list(islice(chain.from_iterable(check(view) for check in checks), MOST_PROBLEMS))
