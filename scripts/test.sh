#!/usr/bin/env bash
# The whole suite. Arguments select stages by name, all by default: node contracts worker model
# clients loop.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$ROOT/scripts/stages.sh"
cd "$ROOT"
ONLY=("$@")

wanted() {
    [ "${#ONLY[@]}" -eq 0 ] && return 0
    local name
    for name in "${ONLY[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

# Many tests wait for time limits and blocks: more of them at once than there are cores.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}

# Tests of floods open many connections at both ends.
ulimit -Sn "$(ulimit -Hn)" 2>/dev/null || true

cargo_test() { cd "$1" && cargo test --locked --workspace --no-fail-fast; }
build_tests() { cd "$1" && cargo test --locked --workspace --no-run; }

# First, as tests of the node run the contracts that this builds.
if wanted contracts && [ -f contracts/Cargo.toml ]; then
    stage "contracts: artefacts" scripts/contracts.sh
    stage "contracts: native tests" cargo_test contracts
fi
if wanted node; then stage "node: build tests" build_tests .; fi
# The tests of real nodes wait for blocks most of the time: the worker's are built meanwhile.
if wanted worker; then stage_behind "worker: build tests" build_tests inference-worker; fi
if wanted node; then stage "node: cargo test" cargo_test .; fi
if wanted clients; then
    stage "clients: build quernd" build_node
    stage "clients: end to end" bash tests/e2e/run.sh
    stage "clients: wallet and contracts" bash tests/e2e/wallet/run.sh
    stage "clients: REST, gRPC, OpenAPI" bash tests/e2e/rest/run.sh
fi
if wanted worker; then
    stage_join "worker: build tests"
    stage "worker: cargo test" cargo_test inference-worker
    stage "worker: openai client end to end" bash tests/e2e/inference/run.sh
fi
if wanted model; then
    stage "model: text of its training" bash training/fetch-text.sh
    stage "model: files, log, prompts" .deps/python/bin/python training/test_model.py
fi
if wanted loop; then
    stage "loop: build the programs" build_node
    stage "loop: build worker and router" build_worker
    stage "loop: two hosts end to end" bash tests/e2e/money/run.sh
    stage "loop: verifier of the demonstration" .deps/python/bin/python -B -m unittest discover -s localnet/demo/tests
    stage "loop: the demonstration" env -u SEED -u CHEAT LOCALNET_DIR=target/demo scripts/demo.sh
fi
stages_end "make test: where the time went"
