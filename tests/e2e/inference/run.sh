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
if [ $# -eq 0 ]; then bash sdks/run.sh || failed=1; fi
exit "$failed"
