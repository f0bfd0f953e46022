#!/usr/bin/env bash
# Attaches the server of llama-cpp-python, with the packaged model as GGUF, and uses it through the unmodified `openai`
# client. Usage: inference-worker/engine-remote/e2e/run.sh [unittest arguments]
# QUERN_LLAMA_PYTHON names a Python that has the packages; without it set-up builds the pinned ones, which takes minutes once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
python=${QUERN_LLAMA_PYTHON:-$root/.deps/llama/bin/python}
[ -n "${QUERN_LLAMA_PYTHON:-}" ] || bash "$root/scripts/setup/inference-llama.sh"
[ -x "$python" ] || { echo "error: $python is missing" >&2; exit 1; }
# shellcheck source=scripts/env.sh
. "$root/scripts/env.sh"
[ -n "${QUERN_BINARIES:-}" ] || build_worker
cd "$here"
exec "$python" -B -m unittest "${@:-test_llama_cpp}"
