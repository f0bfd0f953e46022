#!/usr/bin/env bash
# llama.cpp by llama-cpp-python, in .deps/llama: what benchmarks compare decoding with, and the engine that
# inference-worker/engine-remote/e2e attaches. No part of `make setup`: PyPI has its source only, and building takes minutes.
. "$(dirname "$0")/lib.sh"
step inference-llama "$SETUP/inference-llama-requirements.txt" "$SETUP/inference-llama-build-requirements.txt"

command -v g++ >/dev/null || die "a C++ compiler is missing; run: apt-get install g++"
say "building llama.cpp and installing llama-cpp-python"
rm -rf "$DEPS/llama"
python3 -m venv "$DEPS/llama"
install() { "$DEPS/llama/bin/python" -m pip install --quiet --require-hashes "$@"; }
# The builder is pinned too, so pip must not fetch one of its own.
install --only-binary=:all: --requirement "$SETUP/inference-llama-build-requirements.txt"
PATH="$DEPS/llama/bin:$PATH" CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) \
    CMAKE_ARGS="-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF" \
    install --only-binary=:all: --no-binary=llama-cpp-python --no-build-isolation \
    --requirement "$SETUP/inference-llama-requirements.txt"
"$DEPS/llama/bin/python" -c 'import gguf, llama_cpp, llama_cpp.server.app, safetensors.numpy' ||
    die "llama-cpp-python does not import; see the lines above"
step_done
