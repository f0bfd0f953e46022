"""Decoding speed of `transformers` (eager, float32, key-value cache), as one JSON object a line.

The loop calls the model directly and takes the largest logit, which is faster than `generate`.
"""

import argparse
import json
import time

import torch

from reference import load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True, help="model folder")
parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
parser.add_argument("--prompt", type=int, default=32, help="prompt tokens of each sequence")
parser.add_argument("--tokens", type=int, default=64, help="new tokens of each sequence")
parser.add_argument("--prefill", type=int, help="time a prompt of so many tokens instead")
parser.add_argument("--threads", type=int, default=torch.get_num_threads())
parser.add_argument("--cpu", action="store_true", help="count the time that the calling thread has computed, not the clock's")
parser.add_argument("--rounds", type=int, default=1)
args = parser.parse_args()
clock = time.thread_time if args.cpu else time.perf_counter


@torch.inference_mode()
def seconds(model, batch):
    ids = torch.arange(batch * args.prompt).reshape(batch, -1) % model.config.vocab_size
    step = model(ids, use_cache=True, logits_to_keep=1)
    started = clock()
    for _ in range(args.tokens):
        token = step.logits[:, -1].argmax(-1, keepdim=True)
        step = model(token, past_key_values=step.past_key_values, use_cache=True)
    return clock() - started


@torch.inference_mode()
def prefill_seconds(model):
    ids = torch.arange(args.prefill).reshape(1, -1) % model.config.vocab_size
    started = clock()
    model(ids, use_cache=True, logits_to_keep=1)
    return clock() - started


model = load(args.model, args.threads)
if args.prefill:
    prefill_seconds(model)
    rate = args.prefill / prefill_seconds(model)
    print(json.dumps({"prefill": args.prefill, "threads": args.threads, "tokens_per_s": round(rate, 1)}))
    raise SystemExit
for batch in args.batch:
    seconds(model, batch)  # warms caches and allocators
    for _ in range(args.rounds):
        rate = batch * args.tokens / seconds(model, batch)
        print(json.dumps({"batch": batch, "threads": args.threads, "tokens_per_s": round(rate, 1)}), flush=True)
