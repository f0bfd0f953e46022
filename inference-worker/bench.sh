#!/usr/bin/env bash
# The engine beside `transformers`, llama.cpp and memory; the router beside LiteLLM's proxy; first tokens behind a long
# prompt, through the router, unpaid and paid, and in a sprint of proof of compute; the worker's start. Rows go to
# target/bench/*.json below the repository's root, where `make bench` collects them.
# Usage: bench.sh [PART...], parts: decode long-prompt overhead start first-token paid.
# All take some 20 minutes, 5 GB of memory and a quiet machine; the first run builds llama.cpp and installs LiteLLM.
# BENCH_THREADS (2), BENCH_ROUNDS (5) and BENCH_REQUESTS change what is done, say for a short try.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
reports="$root/target/bench"
models="$here/target/bench-models"
python="$root/.deps/python/bin/python"
tests="$root/tests/e2e/inference"
only=("$@")
mkdir -p "$reports" "$models"
cd "$here"

wanted() {
    [ "${#only[@]}" -eq 0 ] && return 0
    local name
    for name in "${only[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

part() { printf '[bench] %4d s  %s\n' "$SECONDS" "$1" >&2; }

# Percent of the processors' time that others take, over three seconds.
busy() {
    local before
    before=$(head -n 1 /proc/stat)
    sleep 3
    # User, nice, system, idle, waiting, interrupts, soft interrupts, stolen.
    { echo "$before"; head -n 1 /proc/stat; } | awk '
        { idle = $5 + $6; all = 0; for (i = 2; i <= 9; i++) all += $i }
        NR == 1 { idle_before = idle; all_before = all }
        END { all -= all_before; print (all > 0 ? int(100 - 100 * (idle - idle_before) / all) : 0) }'
}

model() {
    local folder="$models/$1"
    shift
    [ -f "$folder/tokenizer_config.json" ] || "$python" reference/make_checkpoints.py --out "$folder" "$@"
}

cargo build --quiet --locked --workspace --bins --examples

if wanted decode; then
    model random-261m --random-261m
    model random-261m-bf16 --random-261m --bfloat16
    decode() {
        target/debug/examples/bench_decode "${threads[@]}" --rounds "${BENCH_ROUNDS:-5}" "$@"
    }
    # Two threads of a machine that others use measure the system's scheduler: one then, by what it has computed.
    threads=(--threads "${BENCH_THREADS:-2}")
    share=$(busy)
    if [ "$share" -gt 20 ]; then
        part "others take $share % of the processors: engines are compared on one thread, by its own clock"
        threads=(--cpu true)
    fi
    # Where llama.cpp does not build or run, its rows are missing, and the others are not.
    llama=()
    if "$root/scripts/setup/inference-llama.sh" &&
        decode --model "$root/models/quern-small" --batch 1 --tokens 2 --rounds 1 --llama true >/dev/null; then
        llama=(--llama true)
    else
        part "llama.cpp cannot be measured, see above: rows beside it are MISSING"
    fi
    part "decode: packaged model"
    decode --model "$root/models/quern-small" --target 1.5,1.5 --prefill 256 "${llama[@]}" --report "$reports/decode-small.json"
    part "decode: 261 M parameters, fp32"
    decode --model "$models/random-261m" --target 1.0,2.0 --tokens 24 --prefill 512 "${llama[@]}" --bandwidth true \
        --report "$reports/decode-261m.json"
    part "decode: 261 M parameters, bf16"
    decode --model "$models/random-261m-bf16" --target 1.5,2.0 --tokens 24 --prefill 512 \
        --report "$reports/decode-261m-bf16.json"
    drafts() {
        target/debug/examples/bench_drafts "${threads[@]}" --rounds "${BENCH_ROUNDS:-5}" --model "$1" \
            --tokenizer "$root/models/quern-small" --text "$root/docs/concepts.md" --report "$2"
    }
    part "drafts: packaged model"
    drafts "$root/models/quern-small" "$reports/drafts-quern-small.json"
    part "drafts: 261 M parameters, fp32"
    drafts "$models/random-261m" "$reports/drafts-random-261m.json"
fi
if wanted long-prompt; then
    part "a long prompt beside short ones"
    model random-4k --random-4k
    ./bench_long_prompt.sh "$models/random-4k" "${BENCH_REQUESTS:-40}" "$reports/long-prompt.json"
fi
if wanted overhead; then
    "$root/scripts/setup/inference-litellm.sh"
    part "router beside LiteLLM's proxy"
    "$python" -B "$tests/bench_overhead.py" "${BENCH_REQUESTS:-100}" "$reports/router-overhead.json"
fi
if wanted start; then
    part "the worker's start"
    "$python" -B "$tests/bench_cold_start.py" "${BENCH_ROUNDS:-5}" "$reports/start.json"
fi
if wanted first-token; then
    part "first token through the router"
    "$tests/bench_first_token.sh" "${BENCH_REQUESTS:-300}" "$reports/router.json"
fi
if wanted paid; then
    part "first token where requests are paid"
    [ -x "$root/target/debug/quern-localnet" ] || "$root/scripts/build.sh"
    "$root/tests/e2e/money/bench_paid_first_token.sh" "${BENCH_REQUESTS:-60}" "$reports/router-paid.json"
fi
part "done"
