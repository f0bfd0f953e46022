"""Print `transformers` logits to a .npy file: float32, [positions, vocabulary].

With several sequences in the input, their positions follow each other in the output.
"""

import argparse

import numpy
import torch

from reference import cached_logits, load, prefill_logits, read_sequences

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True, help="model folder")
parser.add_argument("--tokens", required=True, help="JSON: a list of token ids, or a list of such lists")
parser.add_argument("--out", required=True, help="the .npy file to write")
parser.add_argument("--cached-after", type=int, help="prefill this many tokens, then decode through the cache")
parser.add_argument("--threads", type=int)
args = parser.parse_args()

model = load(args.model, args.threads)
parts = [
    prefill_logits(model, ids) if args.cached_after is None else cached_logits(model, ids, args.cached_after)
    for ids in read_sequences(args.tokens)
]
numpy.save(args.out, torch.cat(parts).numpy())
