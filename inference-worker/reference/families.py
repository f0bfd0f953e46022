"""Random-weight checkpoints of every family, with the logits and the greedy text of `transformers`.

Each variant becomes a folder as `make_checkpoints.py` writes it, and `greedy.json` beside it: a prompt and the 256
tokens that follow it when the largest logit is taken each time.
"""

import argparse
import json
from pathlib import Path

import torch
import transformers

from make_checkpoints import BASE, LLAMA3, randomize, write_case, write_tokenizer
from reference import load

CONTEXT = 320
WINDOW = 24
SMALL = {key: value for key, value in BASE.items() if key != "rope_parameters"} | {"max_position_embeddings": CONTEXT}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 80}
GEMMA = SMALL | {"head_dim": 24, "sliding_window": WINDOW, "query_pre_attn_scalar": 20, "num_hidden_layers": 4}
EXPERTS = {"num_experts_per_tok": 2, "intermediate_size": 96}
# Class of the configuration, its fields, and changes to what `transformers` writes, for how publishers write it.
VARIANTS = {
    "mistral": ("Mistral", SMALL | {"rope_parameters": ROPE, "sliding_window": WINDOW}, {}),
    "mistral_no_window": (
        "Mistral",
        SMALL | {"rope_parameters": ROPE, "sliding_window": None, "head_dim": 32, "tie_word_embeddings": False},
        {"sliding_window": None},
    ),
    "qwen2": ("Qwen2", SMALL | {"rope_parameters": ROPE | {"rope_theta": 1000000.0}}, {}),
    "qwen2_windows": (
        "Qwen2",
        SMALL | {"rope_parameters": ROPE, "use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
        {},
    ),
    "qwen2_yarn": ("Qwen2", SMALL | {"rope_parameters": YARN}, {}),
    "qwen3": ("Qwen3", SMALL | {"rope_parameters": ROPE, "head_dim": 32}, {}),
    "qwen3_yarn": ("Qwen3", SMALL | {"rope_parameters": YARN | {"attention_factor": 1.25, "beta_fast": 8.0}, "head_dim": 32}, {}),
    "qwen3_dynamic": (
        "Qwen3",
        SMALL | {"rope_parameters": ROPE | {"rope_type": "dynamic", "factor": 2.0}, "head_dim": 16},
        {},
    ),
    "gemma2": ("Gemma2", GEMMA | {"rope_parameters": ROPE, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 6.0}, {}),
    "gemma3": ("Gemma3Text", GEMMA | {"num_hidden_layers": 7}, {}),
    "gemma3_published": (
        "Gemma3Text",
        GEMMA | {"sliding_window_pattern": 2},
        {"rope_parameters": None, "layer_types": None, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
         "sliding_window_pattern": 2},
    ),
    "gemma3_linear": (
        "Gemma3Text",
        GEMMA | {"rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
            "sliding_attention": ROPE}},
        {},
    ),
    "mixtral": ("Mixtral", SMALL | EXPERTS | {"rope_parameters": ROPE, "num_local_experts": 4}, {}),
    "qwen3_moe": (
        "Qwen3Moe",
        SMALL | EXPERTS | {"rope_parameters": ROPE, "head_dim": 32, "num_experts": 8, "moe_intermediate_size": 48,
                           "num_experts_per_tok": 3, "norm_topk_prob": True, "mlp_only_layers": [1]},
        {},
    ),
    "qwen3_moe_plain": (
        "Qwen3Moe",
        SMALL | EXPERTS | {"rope_parameters": ROPE, "head_dim": 32, "num_experts": 8, "moe_intermediate_size": 48},
        {},
    ),
    "qwen2_half": ("Qwen2", SMALL | {"rope_parameters": ROPE, "dtype": torch.float16}, {}),
    "gemma2_bfloat16_sharded": (
        "Gemma2",
        GEMMA | {"rope_parameters": ROPE, "dtype": torch.bfloat16, "shard": "60KB"},
        {},
    ),
    "llama": ("Llama", SMALL | {"rope_parameters": ROPE}, {}),
    "llama_rope3_untied": ("Llama", SMALL | {"rope_parameters": LLAMA3, "tie_word_embeddings": False}, {}),
}


def write(folder, family, settings, changes, seed):
    """Write one checkpoint and return its configuration."""
    settings = dict(settings)
    dtype, shard = settings.pop("dtype", torch.float32), settings.pop("shard", "50GB")
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**settings)
    model = getattr(transformers, f"{family.removesuffix('Text')}ForCausalLM")(config)
    randomize(model, 0.12)
    if family.startswith("Gemma"):
        # Else each token would be followed by itself.
        model.model.embed_tokens.weight.data *= 0.3
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.data -= 1.0
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)
    write_tokenizer(folder, CONTEXT)
    path = folder / "config.json"
    fields = json.loads(path.read_text()) | changes
    # A field set to nothing is left out, unless nothing is what it says.
    fields = {key: value for key, value in fields.items() if value is not None or key == "sliding_window"}
    path.write_text(json.dumps(fields, indent=2) + "\n")
    return config


@torch.inference_mode()
def write_greedy(folder, config, seed, length=256):
    """Write a prompt and what follows it greedily."""
    generator = torch.Generator().manual_seed(seed)
    prompt = torch.randint(config.vocab_size, (40,), generator=generator).tolist()
    model, tokens, step = load(folder, threads=1), [], None
    for _ in range(length):
        feed = torch.tensor([prompt if step is None else tokens[-1:]])
        step = model(feed, past_key_values=step and step.past_key_values, use_cache=True)
        tokens.append(int(step.logits[0, -1].argmax()))
    (folder / "greedy.json").write_text(json.dumps({"prompt": prompt, "tokens": tokens}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--only", choices=VARIANTS, action="append", help="write this variant, and no others but such")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed, (name, (family, settings, changes)) in enumerate(VARIANTS.items()):
        if args.only is None or name in args.only:
            config = write(args.out / name, family, settings, changes, seed)
            write_case(args.out / name, config, seed)
            write_greedy(args.out / name, config, seed)
            print(args.out / name, flush=True)


if __name__ == "__main__":
    main()
