#!/usr/bin/env bash
# ./trainer.sh SPEC|RUN [--set a.b=value]… [--resume] [--dry-run] …
# Trains what a spec describes (or continues a run), validates it, and says where the pictures are. The first call sets
# up .venv. Paths are relative to the directory it is called from. `./trainer.sh --help` lists all options.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
source "$here/setup.sh"
set_up "$here" requirements.lock
exec "$here/.venv/bin/python" "$here/cli.py" train --validate "$@"
