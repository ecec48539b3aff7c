"""Whatever happens to a spec, checking it ends in located lines: no traceback, no hang, no TensorFlow."""

import itertools
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from builders.spec import check_spec
from tests.builders.spec.conftest import SPECS, TARGETS
from tests.builders.spec.mutations import mutants

ROOT = Path(__file__).parents[3]
MUTANTS = 2000
IN_A_PROCESS = 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The specs that mutants inherit from, and 100 mutants once they were made."""
    path = tmp_path_factory.mktemp("mutants")
    for spec in itertools.chain(TARGETS.iterdir(), SPECS.glob("*.*")):
        shutil.copy(spec, path)
    return path


def test_two_thousand_mutants(folder, catalogue):
    numbers = itertools.count()

    @settings(
        max_examples=MUTANTS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants())
    def check(mutant):
        suffix, data = mutant
        number = next(numbers)
        path = folder / (f"kept-{number}{suffix}" if number < IN_A_PROCESS else f"mutant{suffix}")
        path.write_bytes(data)
        start = time.process_time()
        problems = check_spec(path, (), catalogue)
        assert time.process_time() - start < 2
        for problem in problems:
            line = str(problem)
            assert problem.line > 0 and problem.column > 0 and problem.message and line.isprintable(), line
            assert Path(problem.file).parent == folder, line

    check()


def test_mutants_in_a_process_of_their_own(folder):
    kept = sorted(folder.glob("kept-*"))
    if not kept:
        pytest.skip("the mutants are made by the test above")
    program = (
        "import sys\nfrom cli import main\n"
        "status = main(['check', *sys.argv[1:]])\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, kept)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines and all(line.startswith(f"{folder}/") and line.split(":")[1].isdecimal() for line in lines)
