#!/usr/bin/env bash
# ./docs.sh [serve | build] [mkdocs arguments]
# Builds the pages into site/, or serves them while you edit. The first call sets up .venv-docs, which holds no TensorFlow.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
source "$here/setup.sh"
set_up "$here" requirements-docs.lock .venv-docs
cd "$here"
[[ $# -gt 0 ]] || set -- build --strict
export NO_MKDOCS_2_WARNING=1
exec .venv-docs/bin/python -m mkdocs "$@"
