#!/usr/bin/env bash
# LiteLLM with its proxy, in .deps/litellm: what benchmarks compare the router with. No part of `make setup`.
. "$(dirname "$0")/lib.sh"
step inference-litellm "$SETUP/inference-litellm-requirements.txt"

say "installing litellm's proxy and what it needs"
rm -rf "$DEPS/litellm"
python3 -m venv "$DEPS/litellm"
"$DEPS/litellm/bin/python" -m pip install --quiet --require-hashes --only-binary=:all: \
    --requirement "$SETUP/inference-litellm-requirements.txt"
HOME=$SCRATCH LITELLM_LOCAL_MODEL_COST_MAP=True "$DEPS/litellm/bin/litellm" --version >/dev/null || die "litellm does not run; see the lines above"
step_done
