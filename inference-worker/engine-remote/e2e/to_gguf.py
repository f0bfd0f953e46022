"""Writes a Hugging Face folder of a small Llama as GGUF, weights and tokenizer unchanged (fp32, byte-level BPE).

    python to_gguf.py MODEL_FOLDER OUT.gguf

Only what the packaged model is made of is converted; anything else is refused by name.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def name_of(name):
    stem, kind = name.rsplit(".", 1)
    if kind != "weight":
        raise SystemExit(f"{name} is no weight of a Llama")
    if stem in TOP:
        return f"{TOP[stem]}.weight"
    _, _, layer, rest = stem.split(".", 3)
    return f"blk.{layer}.{LAYER[rest]}.weight"


def interleaved(weight, heads):
    """llama.cpp turns neighbouring pairs, Hugging Face the two halves of a head."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def add_architecture(writer, config):
    """What config.json says of a Llama without rope scaling."""
    rope = config.get("rope_parameters") or config
    if config["model_type"] != "llama" or config.get("rope_scaling") or rope.get("rope_type", "default") != "default":
        raise SystemExit("only a Llama without rope scaling is converted")
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    head = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def write(writer, folder, config):
    """Adds the weights, all of them float32, and writes the file."""
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    for name, weight in load_file(folder / "model.safetensors").items():
        if weight.dtype != np.float32:
            raise SystemExit(f"{name} is {weight.dtype}, not float32")
        if name.endswith("q_proj.weight"):
            weight = interleaved(weight, heads)
        elif name.endswith("k_proj.weight"):
            weight = interleaved(weight, key_heads)
        writer.add_tensor(name_of(name), np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(folder, out):
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    names = json.loads((folder / "tokenizer_config.json").read_text())
    if tokenizer["model"]["type"] != "BPE":
        raise SystemExit("only a byte-level BPE is converted")

    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name(folder.name)
    add_architecture(writer, config)

    ids = {text: number for text, number in tokenizer["model"]["vocab"].items()}
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    texts = {number: text for text, number in (ids | special).items()}
    tokens = [texts[number] for number in range(config["vocab_size"])]
    kinds = [gguf.TokenType.CONTROL if text in special else gguf.TokenType.NORMAL for text in tokens]
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    # The expression that the `tokenizers` library uses where a file names none.
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(special[names["bos_token"]])
    writer.add_eos_token_id(special[names["eos_token"]])
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(names["chat_template"])
    write(writer, folder, config)


if __name__ == "__main__":
    main(*sys.argv[1:])
