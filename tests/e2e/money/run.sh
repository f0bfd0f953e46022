#!/usr/bin/env bash
# The whole loop on a network of two hosts and two models, through the unmodified `openai` client.
# Usage: tests/e2e/money/run.sh [unittest arguments]
set -euo pipefail
cd "$(dirname "$0")"
python=../../../.deps/python/bin/python
[ -x "$python" ] || { echo "error: run 'make setup' first" >&2; exit 1; }
for program in ../../../target/debug/{quernd,quern-localnet} ../../../inference-worker/target/debug/quern-{worker,router,calibrate}; do
    [ -x "$program" ] || { echo "error: $program is missing: run 'make build' first" >&2; exit 1; }
done
exec "$python" -B -m unittest "${@:-discover}"
