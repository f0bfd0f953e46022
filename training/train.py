"""Train the small Llama that the repository ships, from the King James text to a model folder.

The same arguments on the same processor type give the same bytes: seeds are fixed, algorithms
deterministic, and the number of threads is an argument because sums depend on it.
"""

import argparse
import collections
import itertools
import json
import time
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import corpus
import tokenizer as tokenizing

CONTEXT = 512
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": tokenizing.VOCABULARY,
    "hidden_size": 192,
    "intermediate_size": 480,
    "num_hidden_layers": 5,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "hidden_act": "silu",
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "initializer_range": 0.02,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 2,
    "torch_dtype": "float32",
}


def token_rows(tokens, texts):
    """Rows of CONTEXT + 1 tokens cut from the stream of documents, each row's last repeated next."""
    buffer = []
    for text in texts:
        buffer += tokens.encode(text, add_special_tokens=False).ids
        while len(buffer) > CONTEXT:
            yield buffer[: CONTEXT + 1]
            buffer = buffer[CONTEXT:]


def loss_of(model, rows, reduction="mean"):
    logits = model(rows[:, :-1]).logits.float()
    return cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction=reduction)


@torch.no_grad()
def validation(model, rows):
    """Mean loss in nats a token, in full precision."""
    model.eval()
    total = sum(loss_of(model, row[None], "sum").item() for row in rows)
    model.train()
    return total / rows[:, 1:].numel()


def optimizers(model, rate):
    """Muon for the layers' matrices, AdamW for embeddings and norms."""
    inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    outer = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(inner, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(outer, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_at(step, steps):
    """Up to the peak in 50 steps, level, then down to zero over the last third.

    The level part does not depend on `steps`: a run stopped there may go on with another length.
    """
    return min(1.0, (step + 1) / 50, 3 * (steps - step) / steps)


def load_state(path, model, steppers):
    """Continue a stopped run from its last validation; the number of steps done."""
    if path is None or not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    for stepper, saved in zip(steppers, state["steppers"], strict=True):
        stepper.load_state_dict(saved)
    return state["step"]


def save_state(path, model, steppers, step):
    if path is not None:
        state = {"model": model.state_dict(), "steppers": [s.state_dict() for s in steppers], "step": step}
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)


def save(model, tokens, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    # The form of configuration that the most readers know; transformers reads it too.
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    generation = {"bos_token_id": 0, "eos_token_id": [2, 0], "pad_token_id": 2}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    tokenizing.save(tokens, folder, CONTEXT)
    check_template(folder)


def check_template(folder):
    """The shipped template must render what the model was trained on."""
    loaded = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "Continue: In the"}, {"role": "assistant", "content": "beginning"}]
    assert loaded.apply_chat_template(messages, tokenize=False) == corpus.render(messages)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verses", type=Path, default=Path(".deps/kjv/verses.txt"))
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--log", type=Path, required=True, help="the loss curve, one JSON object a line")
    parser.add_argument("--state", type=Path, help="kept at each validation; an existing one is continued")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=8, help="rows of 512 tokens a step")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=1611)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=50, help="steps between validations")
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)

    verses = corpus.read_verses(args.verses)
    train = corpus.split(verses, "train")
    tokens = tokenizing.train(train, args.seed)
    rows = token_rows(tokens, corpus.documents(train, args.seed + 1))
    held_out = corpus.split(verses, "validation")
    text = map(corpus.plain, corpus.chapters(held_out))
    chats = itertools.islice((d for d in corpus.documents(held_out, 7, chat_share=1)), 100)
    checks = {"plain": torch.tensor(list(token_rows(tokens, text)))}
    checks["chat"] = torch.tensor(list(token_rows(tokens, chats)))

    model = LlamaForCausalLM(LlamaConfig(**CONFIG))
    print(f"{model.num_parameters():,} parameters, {len(train):,} verses", flush=True)
    steppers = optimizers(model, args.rate)
    done = load_state(args.state, model, steppers)
    collections.deque(itertools.islice(rows, done * args.batch), maxlen=0)  # already seen
    started, seen = time.monotonic(), 0.0
    args.log.parent.mkdir(parents=True, exist_ok=True)
    with args.log.open("a" if done else "w") as log:
        for step in range(done, args.steps):
            for group in (g for s in steppers for g in s.param_groups):
                group["lr"] = args.rate * rate_at(step, args.steps)
            batch = torch.tensor(list(itertools.islice(rows, args.batch)))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of(model, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for stepper in steppers:
                stepper.step()
                stepper.zero_grad()
            seen += loss.item()
            if (step + 1) % args.every == 0 or step + 1 == args.steps:
                record = {"step": step + 1, "tokens": (step + 1) * args.batch * CONTEXT}
                record["train"] = round(seen / ((step % args.every) + 1), 4)
                record |= {name: round(validation(model, check), 4) for name, check in checks.items()}
                seen = 0.0
                log.write(json.dumps(record) + "\n")
                log.flush()
                print(f"{time.monotonic() - started:6.0f} s  {record}", flush=True)
                save_state(args.state, model, steppers, step + 1)
    save(model.eval(), tokens, args.out)


if __name__ == "__main__":
    main()
