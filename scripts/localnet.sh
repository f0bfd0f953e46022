#!/usr/bin/env bash
# Starts a whole network in localnet/run and returns when it is ready, or stops it: localnet.sh up|down.
# LOCALNET_DIR and HOSTS choose another folder and number of hosts, PLAN a file that says which host serves which models.
# What a network left in the folder is removed; a folder that holds anything else is refused.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
dir=${LOCALNET_DIR:-localnet/run}
program=target/debug/quern-localnet

up() {
    "$program" --dir "$dir" clear
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
    echo "the network runs; $dir/net.json describes it; \`LOCALNET_DIR=$(printf %q "$dir") make localnet-down\` stops it"
}

down() { "$program" --dir "$dir" down; }

case ${1:-} in
    up) up ;;
    down) down ;;
    *) echo "usage: localnet.sh up|down" >&2 && exit 2 ;;
esac
