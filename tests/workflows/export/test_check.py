"""The checking program: nothing of Keras or of this project is in its reach."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workflows.export import check
from workflows.export.proof import HIDDEN

ROOT = Path(__file__).resolve().parents[3]


def run(code):
    program = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport workflows.export.check as check\n"
    for name in ("workflows", "workflows.export", "workflows.export.check"):
        program += f"del sys.modules[{name!r}]\n"
    return subprocess.run([sys.executable, "-c", program + code], capture_output=True, text=True)


def test_hidden_modules_cannot_be_imported_and_others_can():
    done = run(
        f"""check.hide({HIDDEN!r})
import json, numpy, importlib.metadata
importlib.metadata.version("numpy")
for module in ("keras", "keras.layers", "tensorflow.keras.layers", "workflows.console", "builders", "exporter"):
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        print(error)
"""
    )
    assert done.stdout.splitlines() == [
        *("No module named 'keras'",) * 2,
        "No module named 'tensorflow.keras'",
        *(f"No module named '{name}'" for name in ("workflows", "builders", "exporter")),
    ]


def test_what_was_imported_before_is_noticed():
    assert (
        "keras can still be imported" in run(f"import types\nsys.modules['keras'] = sys\ncheck.hide({HIDDEN!r})").stderr
    )


def test_the_program_itself_needs_only_numpy():
    done = run(
        "print(*{name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'common', 'builders'})"
    )
    assert done.stdout == "\n"


def test_differences_are_in_units_of_the_peak():
    expected = np.array([[1.0, -4.0]], np.float32)
    found = check.compare(expected + np.float32(0.5), expected, peak=4.0)
    assert found["largest_difference"] == 0.125 and found["psnr"] == pytest.approx(-20 * np.log10(0.125))
    assert check.compare(expected, expected, 4.0)["psnr"] is None
    for wrong in (expected[:, :1], expected.astype(np.float64), expected * np.nan):
        with pytest.raises(SystemExit):
            check.compare(wrong, expected, 4.0)
