#!/usr/bin/env bash
# Prints what the router adds to the time to the first token, in milliseconds, medians.
# Usage: bench_first_token.sh [REQUESTS [REPORT_FILE]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
(cd "$root/inference-worker" && cargo build --quiet --locked --workspace --bins --examples)
[ $# -lt 2 ] || set -- "$1" "$(cd "$(dirname "$2")" && pwd)/$(basename "$2")"
cd "$here"
exec "$root/.deps/python/bin/python" -B - "$root" "${@:-300}" <<'PYTHON'
import subprocess, sys
import stack

worker = stack.worker()
router = stack.router([worker])
try:
    program = f"{sys.argv[1]}/inference-worker/target/debug/examples/bench_first_token"
    subprocess.run([program, worker.url, router.url, stack.MODEL_ID, *sys.argv[2:]], check=True)
finally:
    for server in (router, worker):
        server.stop()
        server.discard()
PYTHON
