#!/usr/bin/env bash
# The differential run: generated transactions through wasmd and through this chain, then the same requests over REST. TXS
# and SEED choose how many and which; --golden FILE writes wasmd's words for common mistakes instead, --bench 5 measures
# both in so many rounds. Builds wasmd first, nine minutes cold.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
scripts/setup/wasmd.sh
# As the tests are built, so that nothing is compiled twice.
cargo build --locked --workspace --bins --examples
# All homes lie below one folder, which goes however the run ends. The kernel ends the nodes with the program that
# started them.
homes=$(mktemp -d)
run=
clean() {
    if [ -n "$run" ]; then
        kill "$run" 2>/dev/null || true
        wait "$run" 2>/dev/null || true
    fi
    # A node may write until it is gone.
    rm -rf "$homes" 2>/dev/null || { sleep 1; rm -rf "$homes"; }
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
TMPDIR=$homes setpriv --pdeathsig TERM target/debug/quern-diff-wasmd --wasmd "$DEPS/wasmd/wasmd" --library "$DEPS/wasmd" \
    --txs "${TXS:-10000}" --seed "${SEED:-1}" "$@" &
run=$!
wait "$run"
