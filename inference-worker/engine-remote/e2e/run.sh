#!/usr/bin/env bash
# Attaches the server of llama-cpp-python, with the packaged model as GGUF, and uses it through the unmodified `openai`
# client. Opt-in: building llama-cpp-python takes minutes. Usage:
#   inference-worker/engine-remote/e2e/run.sh [unittest arguments]
# QUERN_LLAMA_PYTHON names a Python that has the packages; without it they are installed into .deps/llama.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
python=${QUERN_LLAMA_PYTHON:-$root/.deps/llama/bin/python}
if [ ! -x "$python" ]; then
    [ -z "${QUERN_LLAMA_PYTHON:-}" ] || { echo "error: $python is missing" >&2; exit 1; }
    python3 -m venv "$root/.deps/llama"
    CMAKE_ARGS="-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_CURL=OFF" \
        "$python" -m pip install --quiet -r "$here/requirements.txt"
fi
(cd "$root/inference-worker" && cargo build --quiet --workspace --bins)
cd "$here"
exec "$python" -B -m unittest "${@:-test_llama_cpp}"
