#!/usr/bin/env bash
# The Python side of tests, benchmarks and training, in .deps/python: `transformers` as the
# reference for model code, and the `openai` client. PyTorch is the copy that torch.sh unpacked,
# on CPU, with stubs for the CUDA libraries that it links.
. "$(dirname "$0")/lib.sh"
bash "$SETUP/torch.sh"
step python "$DEPS/stamps/torch" "$SETUP/cuda_stubs.py" "$SETUP/python-requirements.txt"

python3 -c 'import ensurepip, venv' 2>/dev/null || die "the venv module is missing; run: apt-get install python3-venv"
command -v nm >/dev/null || die "nm and readelf are missing; run: apt-get install binutils"

python3 "$SETUP/cuda_stubs.py" "$DEPS/torch-wheel"

say "installing transformers, openai and what they need"
rm -rf "$DEPS/python"
python3 -m venv "$DEPS/python"
"$DEPS/python/bin/python" -m pip install --quiet --require-hashes --only-binary=:all: \
    --requirement "$SETUP/python-requirements.txt"
site=$("$DEPS/python/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# Relative to the file's own folder: the tree may be moved.
printf '../../../../torch-wheel\n' >"$site/torch-wheel.pth"

say "checking that a small Llama runs on CPU"
"$DEPS/python/bin/python" - <<'PY' || die "the Python reference does not work; see the lines above"
import openai, safetensors.torch, tokenizers, torch, transformers

config = transformers.LlamaConfig(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
)
logits = transformers.LlamaForCausalLM(config).eval()(torch.arange(8)[None]).logits
assert logits.shape == (1, 8, 64) and bool(torch.isfinite(logits).all())
PY
step_done
