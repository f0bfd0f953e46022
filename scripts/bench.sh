#!/usr/bin/env bash
# Prints the project's figures beside their comparators and merges them into target/bench/report.json:
# a list of {name, ours, comparator, ratio, target, unit, holds}. Arguments select benchmarks by name: abci
# node contract store inference. Wants a quiet machine; half an hour.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
ONLY=("$@")
mkdir -p target/bench

wanted() {
    [ "${#ONLY[@]}" -eq 0 ] && return 0
    local name
    for name in "${ONLY[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

# Each leaves target/bench/NAME.json.
if wanted abci; then cargo run --locked -p quern-abci --example bench_listener; fi
if wanted node; then cargo build --locked -p quern-node && cargo run --locked -p quern-node --example bench_idle; fi
# The contracts are what a build left, or are built here.
if wanted contract; then
    [ -f contracts/artifacts/probe.wasm ] || scripts/contracts.sh
    cargo run --locked -p quern-wasm --example contract_call
fi
if wanted store; then cargo run --locked -p quern-store --example bench_database -- 1000000 target/bench-database redb; fi
if wanted inference; then inference-worker/bench.sh; fi

python3 - <<'PY'
import glob, json
rows = []
for path in sorted(glob.glob("target/bench/*.json")):
    if not path.endswith("/report.json"):
        rows += json.load(open(path))
assert rows, "no benchmark left a figure"
json.dump(rows, open("target/bench/report.json", "w"), indent=2)
for row in rows:
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
    verdict = {True: "holds", None: "-"}.get(row["holds"], "MISSED")
    print(f"{verdict:7} {row['ours']:>12.4g} {row['unit']:8} ratio {ratio:>6} target {row['target']}  {row['name']}")
PY
