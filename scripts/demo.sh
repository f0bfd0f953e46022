#!/usr/bin/env bash
# Plays the demonstration in localnet/run and leaves no process behind. SEED=n varies the run, CHEAT=none leaves the
# cheat out, LOCALNET_DIR chooses another folder.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT"
options=(--dir "${LOCALNET_DIR:-localnet/run}" --seed "${SEED:-1}")
if [ -n "${CHEAT:-}" ]; then options+=(--cheat "$CHEAT"); fi
exec .deps/python/bin/python -B localnet/demo "${options[@]}"
