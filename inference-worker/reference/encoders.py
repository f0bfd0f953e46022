"""Random-weight sentence encoders in the folders of `sentence-transformers`, with the embeddings that `transformers`
and the pooling of those folders give: `tokens.json` and `embeddings.npy`.
"""

import argparse
import json
from pathlib import Path

import numpy
import torch
import transformers

SMALL = {
    "vocab_size": 200,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 66,
}
# Class, how rows are pooled, whether the result is normalised, whether the encoder lies below a task's head.
VARIANTS = {
    "bert_mean_normalised": ("Bert", "mean", True, False),
    "bert_cls": ("Bert", "cls", False, False),
    "bert_transformer_alone": ("Bert", None, False, False),
    "bert_with_head": ("Bert", "mean", False, True),
    "roberta_mean": ("Roberta", "mean", True, False),
    "xlm_roberta_cls": ("XLMRoberta", "cls", True, False),
}


def write_modules(folder, pooling, normalised):
    """Write what `sentence-transformers` adds to a transformer's folder."""
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")][: 3 if normalised else 2]
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 48, "do_lower_case": false}\n')
    config = {
        "word_embedding_dimension": SMALL["hidden_size"],
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
        "pooling_mode_max_tokens": False,
        "include_prompt": True,
    }
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config, indent=2) + "\n")


@torch.inference_mode()
def embed(model, sequences, pooling, normalised, pad):
    """Embeddings of a padded batch."""
    length = max(map(len, sequences))
    ids = torch.tensor([ids + [pad] * (length - len(ids)) for ids in sequences])
    mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in sequences])
    rows = model(input_ids=ids, attention_mask=mask).last_hidden_state
    if pooling == "cls":
        pooled = rows[:, 0]
    else:
        pooled = (rows * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.nn.functional.normalize(pooled, dim=1) if normalised else pooled


def write(folder, family, pooling, normalised, head, seed):
    """Write one encoder and its case."""
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**SMALL)
    model = getattr(transformers, f"{family}ForMaskedLM" if head else f"{family}Model")(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("LayerNorm.weight"):
            parameter.data.uniform_(0.5, 1.5)
        else:
            parameter.data.normal_(0.0, 0.15)
    model.save_pretrained(folder)
    if pooling:
        write_modules(folder, pooling, normalised)
    # Ids of padding and before stay out: RoBERTa takes positions from them.
    sequences = [torch.randint(3, config.vocab_size, (n,)).tolist() for n in [5, 1, 48, 17, 17, 2]]
    encoder = getattr(transformers, f"{family}Model").from_pretrained(folder, attn_implementation="eager").eval()
    embeddings = embed(encoder, sequences, pooling, normalised, config.pad_token_id)
    (folder / "tokens.json").write_text(json.dumps(sequences) + "\n")
    numpy.save(folder / "embeddings.npy", embeddings.numpy())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    args = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    for seed, (name, (family, pooling, normalised, head)) in enumerate(VARIANTS.items()):
        write(args.out / name, family, pooling, normalised, head, seed)
        print(args.out / name, flush=True)


if __name__ == "__main__":
    main()
