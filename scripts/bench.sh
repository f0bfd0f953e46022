#!/usr/bin/env bash
# Prints the project's figures beside their comparators and merges them into target/bench/report.json:
# a list of {name, ours, comparator, ratio, target, unit, holds}. Arguments select benchmarks by name: abci
# node contract store wasmd inference. Wants a quiet machine; forty minutes, and nine more to build wasmd.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
ONLY=("$@")
mkdir -p target/bench
# A whole run leaves no row of an older one.
[ "${#ONLY[@]}" -gt 0 ] || rm -f target/bench/*.json

wanted() {
    [ "${#ONLY[@]}" -eq 0 ] && return 0
    local name
    for name in "${ONLY[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

# As the tests are built, so that nothing is compiled twice.
if wanted abci || wanted node || wanted contract || wanted store; then
    cargo build --locked --workspace --bins --examples
fi
# Each leaves target/bench/NAME.json.
if wanted abci; then target/debug/examples/bench_listener; fi
if wanted node; then target/debug/examples/bench_idle; fi
# The contracts are what a build left, or are built here.
if wanted contract || wanted wasmd; then
    [ -f contracts/artifacts/probe.wasm ] || scripts/contracts.sh
fi
if wanted contract; then target/debug/examples/contract_call; fi
if wanted wasmd; then scripts/diff-wasmd.sh --bench 5; fi
if wanted store; then target/debug/examples/bench_database 1000000 target/bench-database redb; fi
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
