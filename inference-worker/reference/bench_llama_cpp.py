"""Decoding speed of llama.cpp on the CPU, one sequence, with the weights as F32 in GGUF. Reads a JSON request a line, answers
with a JSON object a line, as bench_transformers.py does for a batch of 1.

The weights are converted once and kept in inference-worker/target/bench-models. llama.cpp's own functions are called: the loop
of llama-cpp-python samples in Python, which would be slower.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "engine-remote/e2e"))
from to_gguf import add_architecture, write  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True, type=Path, help="folder of a Llama in float32")
parser.add_argument("--threads", required=True, type=int)
parser.add_argument("--cpu", action="store_true", help="count the time that the calling thread has computed, not the clock's")
args = parser.parse_args()
clock = time.thread_time if args.cpu else time.perf_counter


def convert(folder, config, out):
    """Writes weights without a tokenizer: requests are token ids."""
    partial = out.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    add_architecture(writer, config)
    writer.add_tokenizer_model("none")
    write(writer, folder, config)
    partial.replace(out)


@llama_cpp.llama_log_callback
def quiet(_level, _text, _data):
    pass


class Sequence:
    """One sequence in a context of its own."""

    def __init__(self, length):
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = length
        settings.n_threads = settings.n_threads_batch = args.threads
        self.context = llama_cpp.llama_init_from_model(model, settings)
        if not self.context:
            raise SystemExit("llama.cpp made no context")

    def step(self, ids):
        """The likeliest token after these."""
        tokens = (llama_cpp.llama_token * len(ids))(*ids)
        if llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(tokens, len(ids))) != 0:
            raise SystemExit("llama.cpp did not decode")
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        return int(numpy.ctypeslib.as_array(logits, shape=(config["vocab_size"],)).argmax())

    def close(self):
        llama_cpp.llama_free(self.context)


def decode(prompt, tokens):
    sequence = Sequence(prompt + tokens)
    token = first = sequence.step([position % config["vocab_size"] for position in range(prompt)])
    started = clock()
    for _ in range(tokens):
        token = sequence.step([token])
    seconds = clock() - started
    sequence.close()
    return tokens / seconds, [first]


folder = args.model.resolve()
config = json.loads((folder / "config.json").read_text())
weights = HERE.parent / "target/bench-models" / f"{folder.name}.gguf"
weights.parent.mkdir(parents=True, exist_ok=True)
if not weights.exists() or weights.stat().st_mtime < (folder / "model.safetensors").stat().st_mtime:
    convert(folder, config, weights)
llama_cpp.llama_log_set(quiet, None)
llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file(str(weights).encode(), llama_cpp.llama_model_default_params())
if not model:
    raise SystemExit(f"llama.cpp does not load {weights}")
for line in sys.stdin:
    request = json.loads(line)
    if request["batch"] != 1:
        raise SystemExit("only single sequences are measured")
    rate, first = decode(request["prompt"], request["tokens"])
    print(json.dumps({"tokens_per_s": rate, "first": first}), flush=True)
