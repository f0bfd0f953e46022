#!/usr/bin/env bash
# Runs worker and router on free loopback ports and uses them through unmodified clients: OpenAI's and Anthropic's, and,
# without arguments, those of the folder sdks.
# Usage: tests/e2e/inference/run.sh [unittest arguments, e.g. -k stop]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
python="$root/.deps/python/bin/python"
for part in "$python" "$root/.deps/inference"; do
    [ -e "$part" ] || { echo "error: $part is missing; run 'make setup' first" >&2; exit 1; }
done
export PYTHONPATH="$root/.deps/inference"
# shellcheck source=scripts/env.sh
. "$root/scripts/env.sh"
build_worker
cd "$here"
failed=0
"$python" -B -m unittest "${@:-discover}" || failed=1
if [ $# -eq 0 ]; then
    bash sdks/run.sh || failed=1
    # What takes minutes to build is used where it is.
    if [ -f "$root/.deps/stamps/inference-llama" ]; then
        echo "== llama-cpp-python's server, attached"
        bash "$root/inference-worker/engine-remote/e2e/run.sh" || failed=1
    else
        echo "== llama-cpp-python's server is not built, so it was not attached: run scripts/setup/inference-llama.sh"
    fi
fi
exit "$failed"
