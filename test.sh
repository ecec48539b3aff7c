#!/usr/bin/env bash
# ./test.sh [pytest arguments]
# Without arguments: lint, format, types and all fast tests. With arguments: pytest with them, paths relative to the
# repository, e.g. `./test.sh tests/run_directory/test_run.py -k history` or `./test.sh -m slow`. The first call sets up .venv.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
source "$here/setup.sh"
set_up "$here" requirements-dev.lock
cd "$here"
export TF_CPP_MIN_LOG_LEVEL=2
if [[ $# -eq 0 ]]; then
    .venv/bin/python -m ruff check .
    .venv/bin/python -m ruff format --check --quiet . || { echo "Not formatted: run .venv/bin/ruff format ." >&2; exit 1; }
    .venv/bin/python -m mypy --no-error-summary
    # Two processes: most of the time goes into building graphs, on one thread. A file's tests stay together.
    set -- -n 2 --dist loadfile
fi
exec .venv/bin/python -m pytest "$@"
