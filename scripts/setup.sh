#!/usr/bin/env bash
# Everything that the repository needs and a package registry offers, below .deps. Safe to repeat:
# a step whose inputs did not change is skipped.
set -euo pipefail
cd "$(dirname "$0")/setup"
started=$SECONDS
run() { local step; for step in "$@"; do bash "./$step.sh" || return; done; }
run preflight
# Two compilers work while the rest mostly waits for downloads.
(run cometbft deny cosmovisor) &
compilers=$!
failed=
run descriptors wasm tools torch python inference sdks clients node || failed=1
wait "$compilers" || failed=1
[ -z "$failed" ] || exit 1
printf '[setup] ready after %d s; `make help` lists what to do next\n' $((SECONDS - started)) >&2
