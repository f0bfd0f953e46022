#!/usr/bin/env bash
# Attaches the server of llama-cpp-python, and llama.cpp's own where scripts/setup/inference-llama-server.sh has built it,
# with the packaged model as GGUF, and uses them through the unmodified `openai` client. Usage: inference-worker/engine-remote/e2e/run.sh [unittest arguments]
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
tests=(test_llama_cpp)
if [ -x "${QUERN_LLAMA_SERVER:-$root/.deps/bin/llama-server}" ]; then
    tests+=(test_llama_server)
else
    echo "== llama.cpp's own server is not built, so it is not attached: run scripts/setup/inference-llama-server.sh"
fi
[ $# -gt 0 ] || set -- "${tests[@]}"
exec "$python" -B -m unittest "$@"
