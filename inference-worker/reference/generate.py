"""Greedy generation with `transformers`, as one JSON object: prompt ids, new ids, text, finish reason."""

import argparse
import json

import numpy
import torch
from transformers import AutoTokenizer, GenerationConfig

from reference import load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True, help="model folder")
parser.add_argument("--prompt", required=True, help="plain text, or the user's message with --chat")
parser.add_argument("--chat", action="store_true", help="wrap the prompt in the model's chat template")
parser.add_argument("--max-tokens", type=int, default=64)
parser.add_argument("--logits", help="write the logits of each new token to this .npy file")
parser.add_argument("--threads", type=int)
args = parser.parse_args()

model, tokenizer = load(args.model, args.threads), AutoTokenizer.from_pretrained(args.model)
if args.chat:
    messages = [{"role": "user", "content": args.prompt}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False).input_ids
else:
    ids = tokenizer(args.prompt).input_ids
ends = GenerationConfig.from_pretrained(args.model).eos_token_id
ends = set(ends if isinstance(ends, list) else [ends])

new, rows, step, finish = [], [], None, "length"
with torch.inference_mode():
    for _ in range(args.max_tokens):
        feed = torch.tensor([ids if step is None else new[-1:]])
        step = model(feed, past_key_values=step and step.past_key_values, use_cache=True)
        rows.append(step.logits[0, -1])
        token = int(rows[-1].argmax())
        if token in ends:
            finish = "stop"
            break
        new.append(token)
if args.logits:
    numpy.save(args.logits, torch.stack(rows).numpy())
print(json.dumps({"prompt": ids, "tokens": new, "text": tokenizer.decode(new), "finish_reason": finish}))
