#!/usr/bin/env bash
# Starts a whole network in localnet/run and returns when it is ready, or stops it: localnet.sh up|down.
# LOCALNET_DIR and HOSTS choose another folder and number of hosts, PLAN a file that says which host serves which models.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
dir=${LOCALNET_DIR:-localnet/run}
program=target/debug/quern-localnet

# Whether the process that a network's file names still supervises it: ids are used again, and a crash or a loss of
# power leaves the file behind.
supervised() {
    local pid
    pid=$(cat "$1")
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | head -n 1 | grep -q 'quern-localnet$'
}

up() {
    if [ -f "$dir/localnet.pid" ]; then
        if supervised "$dir/localnet.pid"; then
            echo "a network runs in $dir: \`make localnet-down\` stops it" >&2
            return 1
        fi
        echo "the network in $dir ended without being stopped (its process $(cat "$dir/localnet.pid") is gone): cleared"
    fi
    rm -rf "$dir"
    mkdir -p "$dir"
    # The log lies beside the folder until the supervisor has found the folder empty.
    local log=target/localnet.log
    local served=(--hosts "${HOSTS:-5}")
    if [ -n "${PLAN:-}" ]; then served=(--plan "$PLAN"); fi
    setsid "$program" --dir "$dir" up "${served[@]}" >"$log" 2>&1 </dev/null &
    local supervisor=$! seconds=0
    while [ ! -f "$dir/net.json" ]; do
        if ! kill -0 "$supervisor" 2>/dev/null; then
            cat "$log" >&2
            echo "the network did not start" >&2
            return 1
        fi
        sleep 1
        seconds=$((seconds + 1))
        if [ $((seconds % 10)) -eq 0 ]; then echo "starting, $seconds s: $(tail -n 1 "$log")"; fi
    done
    echo "the network runs; $dir/net.json describes it; \`make localnet-down\` stops it"
}

down() { "$program" --dir "$dir" down; }

case ${1:-} in
    up) up ;;
    down) down ;;
    *) echo "usage: localnet.sh up|down" >&2 && exit 2 ;;
esac
