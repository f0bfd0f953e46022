#!/usr/bin/env bash
# REST and gRPC of one node through unmodified clients, and its OpenAPI document under fuzzing.
# Usage: tests/e2e/rest/run.sh [unittest arguments]
set -euo pipefail
cd "$(dirname "$0")"
python=../../../.deps/clients/bin/python
[ -x "$python" ] || { echo "error: run 'make setup' first" >&2; exit 1; }
[ -x ../../../target/debug/quernd ] || { echo "error: quernd is missing: run 'make build' first" >&2; exit 1; }
exec "$python" -B -m unittest "${@:-discover}"
