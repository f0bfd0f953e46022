#!/usr/bin/env bash
# llama.cpp's own server, .deps/bin/llama-server, from the sources that llama-cpp-python's package carries: an engine that
# inference-worker/engine-remote/e2e attaches. No part of `make setup`: building takes minutes.
. "$(dirname "$0")/lib.sh"
bash "$SETUP/inference-llama.sh"
step inference-llama-server "$SETUP/inference-llama-requirements.txt" "$SETUP/inference-llama-build-requirements.txt"

say "building llama.cpp's server"
# The package alone, with its hash.
awk '/^[^ ]/ { wanted = /^llama-cpp-python==/ } wanted && !/#/' "$SETUP/inference-llama-requirements.txt" >"$SCRATCH/one.txt"
export PATH="$DEPS/llama/bin:$PATH"
python -m pip download --quiet --require-hashes --no-deps --no-binary=:all: --no-build-isolation \
    --dest "$SCRATCH" --requirement "$SCRATCH/one.txt"
tar -xzf "$SCRATCH"/llama_cpp_python-*.tar.gz -C "$SCRATCH"
# Nothing is downloaded at run time: no curl, no TLS, no pages of its own.
cmake -S "$SCRATCH"/llama_cpp_python-*/vendor/llama.cpp -B "$SCRATCH/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF >"$SCRATCH/configure.log" 2>&1 ||
    { tail -n 20 "$SCRATCH/configure.log" >&2; die "cmake fails, see the lines above"; }
cmake --build "$SCRATCH/build" --target llama-server >"$SCRATCH/build.log" 2>&1 ||
    { tail -n 20 "$SCRATCH/build.log" >&2; die "the build fails, see the lines above"; }
install -m 755 "$SCRATCH/build/bin/llama-server" "$DEPS/bin/llama-server"
"$DEPS/bin/llama-server" --version >/dev/null 2>&1 || die "llama-server does not run"
step_done
