# shellcheck shell=bash
# Sourced by test.sh and check.sh: runs named stages, goes on after a failure, and prints where the
# time went. `stages_end` fails if any stage failed or none ran.
STAGE_ROWS=()
STAGES_FAILED=0

# stage NAME COMMAND...: a shell function runs in a subshell with errexit, so call `stage` as a plain
# command: bash ignores errexit inside conditions.
stage() {
    local name=$1 started=$SECONDS verdict=ok status
    shift
    printf '\n==> %s\n' "$name"
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    if [ "$status" -ne 0 ]; then
        verdict="FAILED ($status)"
        STAGES_FAILED=$((STAGES_FAILED + 1))
        printf '==> %s failed\n' "$name"
    fi
    STAGE_ROWS+=("$(printf '%-36s %6d s  %s' "$name" $((SECONDS - started)) "$verdict")")
}

stages_end() {
    printf '\n%s\n' "$1"
    printf '  %s\n' "${STAGE_ROWS[@]}"
    if [ "${#STAGE_ROWS[@]}" -eq 0 ]; then
        echo "nothing ran" >&2
        return 1
    fi
    [ "$STAGES_FAILED" -eq 0 ] || { echo "$STAGES_FAILED stage(s) failed" >&2 && return 1; }
}
