# shellcheck shell=bash
# Sourced by every set-up step. A step reads:
#
#   . "$(dirname "$0")/lib.sh"
#   step cometbft            # exits 0 at once when the step's stamp matches; extra inputs may follow
#   ...                      # work: install below $DEPS, with paths from $ROOT
#   step_done
#
# The stamp is a hash of the step's script, its extra inputs and its pins (names that start with the
# step's name in capitals). Nothing is written outside $DEPS, package managers' caches apart.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DEPS=$ROOT/.deps
SETUP=$ROOT/scripts/setup
# shellcheck source=scripts/setup/pins.env
. "$SETUP/pins.env"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '[setup] %-12s %s\n' "${STEP:-}" "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

step() {
    STEP=$1
    shift
    local prefix=${STEP^^}
    STAMP=$DEPS/stamps/$STEP
    WANT=$({
        cat "$SETUP/$STEP.sh" "$@"
        grep "^${prefix//-/_}_" "$SETUP/pins.env" || true
    } | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$STAMP" 2>/dev/null)" = "$WANT" ]; then
        say "up to date"
        exit 0
    fi
    mkdir -p "$DEPS/stamps" "$DEPS/bin"
    rm -f "$STAMP"
    STARTED=$SECONDS
    SCRATCH=$(mktemp -d "$DEPS/$STEP.XXXXXX")
    trap 'rm -rf "$SCRATCH"' EXIT
}

step_done() {
    printf '%s\n' "$WANT" >"$STAMP"
    say "done in $((SECONDS - STARTED)) s"
}

# pip_fetch FOLDER "name==version sha256"...: wheels, without their dependencies, hashes enforced.
pip_fetch() {
    local folder=$1 requirement
    shift
    for requirement in "$@"; do
        printf '%s --hash=sha256:%s\n' "${requirement% *}" "${requirement#* }"
    done >"$SCRATCH/requirements.txt"
    python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
        --dest "$folder" --requirement "$SCRATCH/requirements.txt"
}
