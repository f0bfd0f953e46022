#!/usr/bin/env bash
# Decoding beside `transformers`, the router's added time to the first token, unpaid and paid, and what a sprint of proof
# of compute adds. Rows go to target/bench/*.json below the repository's root, where `make bench` collects them. Needs
# 5 GB of memory and a quiet machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
reports="$root/target/bench"
large="$here/target/bench-models/random-250m"
mkdir -p "$reports" "$(dirname "$large")"
cd "$here"
cargo build --quiet --locked --workspace --bins --examples
[ -f "$large/tokenizer_config.json" ] ||
    "$root/.deps/python/bin/python" reference/make_checkpoints.py --out "$large" --random-250m
long="$here/target/bench-models/random-4k"
[ -f "$long/tokenizer_config.json" ] ||
    "$root/.deps/python/bin/python" reference/make_checkpoints.py --out "$long" --random-4k
decode=target/debug/examples/bench_decode
half="$here/target/bench-models/random-250m-bf16"
[ -f "$half/tokenizer_config.json" ] ||
    "$root/.deps/python/bin/python" reference/make_checkpoints.py --out "$half" --random-250m --bfloat16
"$decode" --model "$root/models/quern-small" --target 1.5,1.5 --prefill 256 --report "$reports/decode-small.json"
"$decode" --model "$large" --target 1.0,2.0 --tokens 24 --prefill 512 --bandwidth true --report "$reports/decode-250m.json"
"$decode" --model "$half" --target 1.5,2.0 --tokens 24 --prefill 512 --report "$reports/decode-250m-bf16.json"
./bench_long_prompt.sh "$long" 40 "$reports/long-prompt.json"
"$root/tests/e2e/inference/bench_first_token.sh" 300 "$reports/router.json"
[ -x "$root/target/debug/quern-localnet" ] || "$root/scripts/build.sh"
"$root/tests/e2e/money/bench_paid_first_token.sh" 60 "$reports/router-paid.json"
