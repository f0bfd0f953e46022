#!/usr/bin/env bash
# Prints what a prompt of 4,096 tokens does to the time to the first token of short requests.
# Usage: bench_long_prompt.sh MODEL_FOLDER [REQUESTS [REPORT_FILE]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$(cd "$1" && pwd)
log=$(mktemp)
"$here/target/debug/quern-worker" serve --model "$model" --model-id long --listen 127.0.0.1:0 >"$log" 2>&1 &
worker=$!
trap 'kill "$worker"; rm -f "$log"' EXIT
for _ in $(seq 300); do
    url=$(grep -o 'http://127.0.0.1:[0-9]*' "$log" | head -1) && break
    kill -0 "$worker" || { cat "$log"; exit 1; }
    sleep 0.1
done
"$here/target/debug/examples/bench_long_prompt" "$url" long "${@:2}"
