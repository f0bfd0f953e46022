"""Loads a checkpoint in `transformers` the way every tool here uses it: float32, eager, on CPU."""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()


def load(folder, threads=None):
    """The model in float32 with plain attention; `threads` limits PyTorch's worker threads."""
    if threads:
        torch.set_num_threads(threads)
    if not (Path(folder) / "config.json").is_file():
        raise SystemExit(f"{folder} has no config.json: name a model folder")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def read_sequences(path):
    """Token ids from a JSON file: one list of ids, or a list of such lists."""
    ids = json.loads(Path(path).read_text())
    sequences = ids if ids and isinstance(ids[0], list) else [ids]
    if not all(sequences) or not all(isinstance(i, int) for s in sequences for i in s):
        raise SystemExit(f"{path} must hold a list of token ids, or a list of such lists, none empty")
    return sequences


@torch.inference_mode()
def prefill_logits(model, ids):
    """Logits of one sequence in one forward pass: [positions, vocabulary]."""
    return model(torch.tensor([ids])).logits[0]


@torch.inference_mode()
def cached_logits(model, ids, prefilled):
    """The same logits through the key-value cache: `prefilled` tokens at once, then one by one."""
    step = model(torch.tensor([ids[:prefilled]]), use_cache=True)
    parts = [step.logits[0]]
    for token in ids[prefilled:]:
        step = model(torch.tensor([[token]]), past_key_values=step.past_key_values, use_cache=True)
        parts.append(step.logits[0])
    return torch.cat(parts)
