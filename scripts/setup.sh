#!/usr/bin/env bash
# Everything that the repository needs and a package registry offers, below .deps. Safe to repeat:
# a step whose inputs did not change is skipped.
set -euo pipefail
cd "$(dirname "$0")/setup"
started=$SECONDS
for step in preflight descriptors cometbft wasm tools deny torch python inference clients node; do
    bash "./$step.sh"
done
printf '[setup] ready after %d s; `make help` lists what to do next\n' $((SECONDS - started)) >&2
