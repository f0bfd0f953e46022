# shellcheck shell=bash
# Sourced by test.sh and check.sh: runs named stages, goes on after a failure, and prints where the
# time went and what failed. `stages_end` fails if any stage failed or none ran.
STAGE_ROWS=()
STAGE_FAILURES=()
STAGES_FAILED=0
declare -A BEHIND_PID BEHIND_LOG

# stage NAME COMMAND...: a shell function runs in a subshell with errexit, so call `stage` as a plain
# command: bash ignores errexit inside conditions.
stage() {
    local name=$1 started=$SECONDS status log
    shift
    printf '\n==> %s\n' "$name"
    log=$(mktemp)
    set +e
    (
        set -e
        "$@"
    ) 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    set -e
    stage_over "$name" "$status" $((SECONDS - started)) "$log"
    rm -f "$log"
}

# stage_behind NAME COMMAND...: the same beside the stages that follow, which go first where both want a core.
# Call `stage_join NAME` before anything that needs it.
stage_behind() {
    local name=$1 log
    shift
    printf '\n==> %s (beside the next stages)\n' "$name"
    log=$(mktemp)
    (
        renice -n 10 -p "$BASHPID" >/dev/null
        started=$SECONDS
        set +e
        (
            set -e
            "$@"
        )
        status=$?
        echo $((SECONDS - started)) >"$log.seconds"
        exit "$status"
    ) >"$log" 2>&1 &
    BEHIND_PID[$name]=$!
    BEHIND_LOG[$name]=$log
}

# stage_join NAME: waits for a stage of `stage_behind` and prints what it said.
stage_join() {
    local name=$1 log=${BEHIND_LOG[$1]} status=0
    wait "${BEHIND_PID[$name]}" || status=$?
    printf '\n==> %s (began earlier)\n' "$name"
    cat "$log"
    stage_over "$name" "$status" "$(cat "$log.seconds")" "$log"
    rm -f "$log" "$log.seconds"
}

# What tools that the stages run say of a failure: cargo, unittest, a check of the demonstration, linters.
FAILURE='^test .* FAILED$|panicked at|^(FAIL|ERROR): |\] FAIL |^AssertionError|^error(\[|:)|not ok '

stage_over() {
    local verdict=ok
    if [ "$2" -ne 0 ]; then
        verdict="FAILED ($2)"
        STAGES_FAILED=$((STAGES_FAILED + 1))
        STAGE_FAILURES+=("$1:" "$( (grep -E "$FAILURE" "$4" || tail -n 5 "$4") | cut -c1-300 | head -n 20)")
        printf '==> %s failed\n' "$1"
    fi
    STAGE_ROWS+=("$(printf '%-36s %6d s  %s' "$1" "$3" "$verdict")")
}

stages_end() {
    printf '\n%s\n' "$1"
    printf '  %s\n' "${STAGE_ROWS[@]}"
    if [ "${#STAGE_ROWS[@]}" -eq 0 ]; then
        echo "nothing ran" >&2
        return 1
    fi
    if [ "$STAGES_FAILED" -gt 0 ]; then printf '%s\n' "" "what failed, in short:" "${STAGE_FAILURES[@]}"; fi
    [ "$STAGES_FAILED" -eq 0 ] || { echo "$STAGES_FAILED stage(s) failed" >&2 && return 1; }
}
