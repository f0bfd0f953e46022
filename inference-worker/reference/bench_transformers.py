"""Speed of `transformers` (eager, float32, key-value cache). Reads a JSON request a line, answers with a JSON object a line.

    {"batch": 8, "prompt": 32, "tokens": 64}    decodes after prompts of 32 tokens, which are not counted
    {"prefill": 512}                            computes one prompt

The answer has `tokens_per_s`, and `first`, the likeliest token after each prompt. The loop calls the model directly and takes
the largest logit, which is faster than `generate`.
"""

import argparse
import json
import sys
import time

import torch

from reference import load

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True, help="model folder")
parser.add_argument("--threads", type=int, default=torch.get_num_threads())
parser.add_argument("--cpu", action="store_true", help="count the time that the calling thread has computed, not the clock's")
args = parser.parse_args()
clock = time.thread_time if args.cpu else time.perf_counter


@torch.inference_mode()
def decode(batch, prompt, tokens):
    ids = torch.arange(batch * prompt).reshape(batch, -1) % model.config.vocab_size
    step = model(ids, use_cache=True, logits_to_keep=1)
    first = step.logits[:, -1].argmax(-1).tolist()
    started = clock()
    for _ in range(tokens):
        token = step.logits[:, -1].argmax(-1, keepdim=True)
        step = model(token, past_key_values=step.past_key_values, use_cache=True)
    return batch * tokens / (clock() - started), first


@torch.inference_mode()
def prefill(length):
    ids = torch.arange(length).reshape(1, -1) % model.config.vocab_size
    started = clock()
    step = model(ids, use_cache=True, logits_to_keep=1)
    return length / (clock() - started), step.logits[:, -1].argmax(-1).tolist()


model = load(args.model, args.threads)
for line in sys.stdin:
    request = json.loads(line)
    rate, first = prefill(request["prefill"]) if "prefill" in request else decode(**request)
    print(json.dumps({"tokens_per_s": rate, "first": first}), flush=True)
