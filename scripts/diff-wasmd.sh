#!/usr/bin/env bash
# The differential run: generated transactions through wasmd and through this chain. TXS and SEED choose how many and
# which. Builds wasmd first, nine minutes cold.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
scripts/setup/wasmd.sh
exec cargo run --locked -p quern-diff-wasmd -- --wasmd "$DEPS/wasmd/wasmd" --library "$DEPS/wasmd" \
    --txs "${TXS:-10000}" --seed "${SEED:-1}" "$@"
