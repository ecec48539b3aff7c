# Sourced by trainer.sh, validator.sh, test.sh and docs.sh: makes sure that an environment holds exactly what a lock file
# pins. Costs one `cmp` when it does. Can be stopped at any moment and called twice at once.

# TensorFlow 2.21 has wheels for these. The system's own python3 comes first, then the newest.
readonly PYTHON_VERSIONS="3.13 3.12 3.11"

say() { printf '%s\n' "$*" >&2; }

# find_python: prints the path of a suitable interpreter that can make virtual environments.
find_python() {
    local candidate found="" why
    for candidate in python3 ${PYTHON_VERSIONS//3./python3.} python; do
        command -v "$candidate" >/dev/null || continue
        # A versioned executable, not a link such as python3, which may point to another version tomorrow.
        if why=$("$candidate" - $PYTHON_VERSIONS 2>/dev/null <<'PYTHON'
import os, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
if version not in sys.argv[1:]:
    sys.exit(version)
try:
    import venv, ensurepip
except ImportError:
    print(version + " without the venv module"), sys.exit(1)
print(os.path.realpath(sys.executable))
PYTHON
        ); then
            printf '%s\n' "$why"
            return 0
        fi
        [[ "$why" == *venv* ]] && found="$found Python $why (on Debian: apt install python${why%% *}-venv);"
    done
    say "No suitable Python: one of ${PYTHON_VERSIONS// /, } is needed, with its venv module." \
        "Found:${found:- $(command -v python3 >/dev/null && python3 --version 2>&1 || echo "no python3 at all");}" \
        "install one and call again."
    return 1
}

# follow PROCESS LOG TOTAL: one line on a terminal about what pip is doing, until it ends.
follow() {
    local process=$1 log=$2 total=$3 collected doing start=$SECONDS
    [[ -t 2 ]] || { wait "$process"; return; }
    while kill -0 "$process" 2>/dev/null; do
        collected=$(grep -c '^Collecting ' "$log")
        doing="fetching package $collected of about $total"
        grep -q '^Installing collected' "$log" && doing="installing $total packages"
        printf '\r\033[KSetting up, first call only: %s (%d s)' "$doing" $((SECONDS - start)) >&2
        sleep 0.5
    done
    printf '\r\033[K' >&2
    wait "$process"
}

# install ROOT LOCK PYTHON NAME: fills ROOT/NAME with what ROOT/LOCK pins.
install() {
    local root=$1 lock=$2 python=$3 venv=$1/$4 part said pip="" total start=$SECONDS
    say "Setting up $4 from $lock (first call only$([[ "$4" != .venv ]] || echo "; a few minutes, about 3 GB"))"

    # A background process ignores Ctrl-C, so it is passed on to pip by hand.
    trap '[[ -z "$pip" ]] || { kill "$pip"; wait "$pip" || true; } 2>/dev/null
          say; say "Set-up interrupted; the next call goes on."; exit 130' INT TERM

    # What an interrupted call or an old system may have left: an environment without pip or of another Python,
    # packages without their RECORD (pip writes it last, and takes such a package for installed), and packages that
    # pip had moved aside.
    if ! "$venv/bin/python" -c 'import pip, sys; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv[1:])' \
        $PYTHON_VERSIONS 2>/dev/null; then
        said=$("$python" -m venv --clear "$venv" 2>&1) || { say "$said"; return 1; }
    fi
    rm -f "$venv"/installed-*
    for part in "$venv"/lib/python3*/site-packages/{*.dist-info,~*}; do
        [[ -e "$part" && ! -f "$part/RECORD" || "${part##*/}" == "~"* ]] && rm -rf "$part"
    done

    total=$(grep -c '^[a-zA-Z0-9].*==' "$root/$lock")
    "$venv/bin/python" -m pip install --require-hashes --no-input --disable-pip-version-check --progress-bar off \
        -r "$root/$lock" >"$venv/setup.log" 2>&1 &
    pip=$!
    if ! follow "$pip" "$venv/setup.log" "$total"; then
        trap - INT TERM
        grep -i '^error' "$venv/setup.log" | tail -n 5 >&2
        say "Set-up failed; pip's output is in $venv/setup.log. Fix the cause (network? disk?) and call again."
        return 1
    fi
    trap - INT TERM

    # The stamps come last. requirements-dev.lock pins all that requirements.lock does.
    [[ "$4" != .venv ]] || cp "$root/requirements.lock" "$venv/installed-requirements.lock.part"
    cp "$root/$lock" "$venv/installed-$lock.part"
    for part in "$venv"/installed-*.part; do mv "$part" "${part%.part}"; done
    say "Set up in $((SECONDS - start)) s."
}

# write_schema ROOT: writes the schema that editors complete from where a file of an entry is newer. Never fails.
write_schema() {
    local root=$1 schema=$1/specs/schema/spec.schema.json newer
    [[ -w "$schema" ]] || return 0
    newer=$(find "$root/architectures" "$root/builders" -name __pycache__ -prune -o -newer "$schema" -print -quit 2>/dev/null) || true
    [[ -z "$newer" ]] || { "$root/.venv/bin/python" "$root/cli.py" schema --write && touch "$schema"; } >/dev/null 2>&1 || true
}

# set_up ROOT LOCK [NAME]: returns at once when ROOT/NAME, by default .venv, holds what ROOT/LOCK pins, else installs it.
set_up() {
    local root=$1 lock=$2 name=${3:-.venv}
    up_to_date() { cmp -s "$root/$lock" "$root/$name/installed-$lock" && [[ -x "$root/$name/bin/python" ]]; }
    if up_to_date; then
        [[ "$lock" != requirements.lock ]] || write_schema "$root"
        return 0
    fi

    # One set-up at a time: this file is the lock, held as long as this shell has it open, however it ends. Python
    # takes it, because flock(1) is not everywhere.
    local python
    python=$(find_python) || return 1
    exec 9<"$root/setup.sh"
    if ! "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then
        say "Another call is setting up $name; waiting for it."
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || return 1
    fi
    up_to_date || install "$root" "$lock" "$python" "$name" || return 1
    exec 9<&-
}
