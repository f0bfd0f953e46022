#!/usr/bin/env bash
# REST and gRPC of one node through unmodified clients, and its OpenAPI document under fuzzing; then, as more clients need
# it, a network of two hosts (tests/e2e/hosts).
# Usage: tests/e2e/rest/run.sh [unittest arguments]
set -euo pipefail
cd "$(dirname "$0")"
python=../../../.deps/clients/bin/python
[ -x "$python" ] || { echo "error: run 'make setup' first" >&2; exit 1; }
[ -x ../../../target/debug/quernd ] || { echo "error: quernd is missing: run 'make build' first" >&2; exit 1; }
[ "$#" -eq 0 ] || exec "$python" -B -m unittest "$@"
failed=0
"$python" -B -m unittest discover || failed=1
../hosts/run.sh || failed=1
exit "$failed"
