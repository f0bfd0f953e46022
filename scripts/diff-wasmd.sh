#!/usr/bin/env bash
# The differential run: generated transactions through wasmd and through this chain. TXS and SEED choose how many and
# which; --bench 5 measures both in so many rounds instead. Builds wasmd first, nine minutes cold.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
scripts/setup/wasmd.sh
# As the tests are built, so that nothing is compiled twice.
cargo build --locked --workspace --bins --examples
exec target/debug/quern-diff-wasmd --wasmd "$DEPS/wasmd/wasmd" --library "$DEPS/wasmd" \
    --txs "${TXS:-10000}" --seed "${SEED:-1}" "$@"
