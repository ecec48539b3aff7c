#!/usr/bin/env bash
# ./validator.sh [RUN|SPEC] [--split test] [--checkpoint best|last|STEP] …
# Measures a run, by default the newest, on images it never trained on. The first call sets up .venv.
# `./validator.sh --help` lists all options.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
source "$here/setup.sh"
set_up "$here" requirements.lock
exec "$here/.venv/bin/python" "$here/cli.py" validate "$@"
