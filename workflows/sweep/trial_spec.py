"""The spec of one trial: the sweep's, with the trial's values and without the sweep."""

import json
from collections.abc import Mapping
from typing import Any

from builders.spec import LoadedSpec, load_spec
from builders.spec.overrides import outer_first
from builders.spec.variables import literal
from workflows.sweep.folder import SweepFolder

# `expected` was measured with other values.
_LEFT_OUT = ("sweep=null", "expected=null")
_LARGEST_SEED = 2**32 - 1


def trial_spec(folder: SweepFolder, values: Mapping[str, Any], execution: int = 0) -> LoadedSpec:
    """The spec that a run of a trial trains.

    Args:
        folder: Remembers the sweep's spec.
        values: Path → value.
        execution: Which run of the trial, from 0; each has a seed of its own.

    Raises:
        SpecErrors: The values do not go with the rest of the spec.
    """
    texts = {path: json.dumps(literal(values[path]), ensure_ascii=False) for path in outer_first(values)}
    settings = [f"{path}={text}" for path, text in texts.items()]
    loaded = load_spec(folder.spec_path, [*settings, *_LEFT_OUT])
    if execution == 0:
        return loaded
    seed = (loaded.spec.seed + execution) % (_LARGEST_SEED + 1)
    return load_spec(folder.spec_path, [*settings, f"seed={seed}", *_LEFT_OUT])
