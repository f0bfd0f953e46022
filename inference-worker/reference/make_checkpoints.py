"""Random-weight Llama checkpoints with the logits that `transformers` gives for them.

Each variant becomes a folder with a checkpoint in the published layout, `tokens.json` (sequences
of different lengths, one of them as long as the context) and `logits.npy` (their prefill logits,
one sequence after the other). An engine that loads the folder must agree with `logits.npy`.
"""

import argparse
import json
from pathlib import Path

import numpy
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from reference import load, prefill_logits

CONTEXT = 128
BASE = {
    "vocab_size": 264,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
# What differs from BASE. `legacy` writes the configuration as older releases did, `dtype` and
# `shard` say how the weights lie on disk.
VARIANTS = {
    "gqa_tied": {},
    "gqa_tied_legacy": {"legacy": True},
    "mha_untied": {"num_key_value_heads": 4, "tie_word_embeddings": False},
    "multi_query": {"num_key_value_heads": 1},
    "head_dim": {"head_dim": 24, "tie_word_embeddings": False},
    "rope_theta": {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}, "rms_norm_eps": 1e-6},
    "rope_theta_legacy": {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}, "legacy": True},
    "rope_linear": {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}},
    "rope_llama3": {"rope_parameters": LLAMA3},
    "rope_llama3_legacy": {"rope_parameters": LLAMA3, "legacy": True},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "bfloat16": {"dtype": torch.bfloat16},
    "sharded": {"tie_word_embeddings": False, "shard": "100KB"},
}
# 19 layers over a 32,000-token vocabulary, 261 M parameters: 1 GB in float32, beyond any processor cache.
LARGE = BASE | {
    "vocab_size": 32000,
    "hidden_size": 1024,
    "intermediate_size": 2880,
    "num_hidden_layers": 19,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "max_position_embeddings": 2048,
}
# 25 M parameters and room for a prompt of 4,096 tokens.
LONG = BASE | {
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 4608,
}


def randomize(model, spread):
    """Weights wide enough that logits differ by several units, norms and biases included."""
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):
            parameter.data.uniform_(0.5, 1.5)
        else:
            parameter.data.normal_(0.0, spread)


def to_legacy(path):
    """Rewrite config.json as releases before 5 wrote it."""
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    if config["head_dim"] == config["hidden_size"] // config["num_attention_heads"]:
        del config["head_dim"]
    path.write_text(json.dumps(config, indent=2) + "\n")


def byte_tokenizer():
    """Every byte is a token, and two special ones: enough to feed any text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def write_tokenizer(folder, context):
    """Write the tokenizer's files."""
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>"}
    tokenizer |= {"eos_token": "<|end_of_text|>", "model_max_length": context}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n")


def write(folder, settings, seed, spread=0.12):
    """Write one checkpoint and return its configuration."""
    settings = dict(settings)
    legacy, dtype = settings.pop("legacy", False), settings.pop("dtype", torch.float32)
    shard = settings.pop("shard", "50GB")
    torch.manual_seed(seed)
    config = LlamaConfig(**settings)
    model = LlamaForCausalLM(config)
    randomize(model, spread)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)
    write_tokenizer(folder, config.max_position_embeddings)
    if legacy:
        to_legacy(folder / "config.json")
    return config


def write_case(folder, config, seed):
    """Write the test sequences and their reference logits."""
    generator = torch.Generator().manual_seed(seed)
    lengths = [1, 2, 7, 33, 64, config.max_position_embeddings]
    sequences = [torch.randint(config.vocab_size, (n,), generator=generator).tolist() for n in lengths]
    model = load(folder, threads=1)
    logits = torch.cat([prefill_logits(model, ids) for ids in sequences])
    (folder / "tokens.json").write_text(json.dumps(sequences) + "\n")
    numpy.save(folder / "logits.npy", logits.numpy())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--only", choices=VARIANTS, help="write this variant alone")
    parser.add_argument("--random-4k", action="store_true", help="write only a small model with a long context")
    parser.add_argument("--random-261m", action="store_true", help="write only the 1 GB model, for benchmarks")
    parser.add_argument("--bfloat16", action="store_true", help="store its weights in bfloat16")
    args = parser.parse_args()
    if args.random_261m or args.random_4k:
        dtype = torch.bfloat16 if args.bfloat16 else torch.float32
        config = write(args.out, (LARGE if args.random_261m else LONG) | {"dtype": dtype}, seed=250, spread=0.02)
        size = (args.out / "model.safetensors").stat().st_size / dtype.itemsize
        print(f"{args.out}: {size / 1e6:.0f} M parameters, vocabulary {config.vocab_size}")
        return
    for seed, (name, changes) in enumerate(VARIANTS.items()):
        if args.only in (None, name):
            write_case(args.out / name, write(args.out / name, BASE | changes, seed), seed)
            print(args.out / name, flush=True)


if __name__ == "__main__":
    main()
