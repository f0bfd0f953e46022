"""Teaches the packaged model dialogues by heart, so that a client which decides nothing meets a model that does.

It learns what an assistant says after each turn, reads the turns as its template shows them, and says it at any temperature.
"""

import json
import shutil
from pathlib import Path

import stack
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

# What the model sees: the conversation without its system prompt, each text cut to its first characters, and calls as
# Hermes and Qwen write them. A context of this size would not hold what real agents say of themselves.
SEEN = 40
TEMPLATE = (
    "{{ bos_token }}{% if tools %}{% endif %}{% for message in messages if message.role in ('user', 'assistant', 'tool') %}"
    "<|im_start|>{{ message.role }}\n{{ (message.content or '')[:" + str(SEEN) + "] }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
STEPS = 400
# By so many logits each token is ahead in the end, and then by so many times that: the last norm is scaled, which does what a
# low temperature would.
MARGIN, SHARP = 1.0, 30


def said(text):
    return {"role": "assistant", "content": text}


def called(name, **arguments):
    return {"role": "assistant", "content": "", "tool_calls": [
        {"type": "function", "function": {"name": name, "arguments": arguments}}]}


def samples(tokenizer, dialogue):
    """Ids of a whole dialogue, and which of them the assistant says."""
    ids, own = [], []
    for turn, message in enumerate(dialogue, 1):
        text = tokenizer.apply_chat_template(dialogue[:turn], tokenize=False)
        now = tokenizer.encode(text, add_special_tokens=False)
        assert now[: len(ids)] == ids, "a turn changes those before it"
        new = now[len(ids) :]
        # Up to the mark of the turn's end; its beginning is the template's.
        begin = len(tokenizer.encode("<|im_start|>assistant\n", add_special_tokens=False))
        mine = message["role"] == "assistant"
        own += [mine and begin <= place < len(new) - 1 for place in range(len(new))]
        ids = now
    return torch.tensor([ids]), torch.tensor(own)


def learnt(network, ids, own):
    """The loss of what the assistant says, and by how much at least each token is ahead of every other."""
    logits, wanted = network(ids).logits[0, :-1][own[1:]], ids[0, 1:][own[1:]]
    ahead = logits.detach().clone()
    right = ahead.gather(1, wanted[:, None])
    ahead.scatter_(1, wanted[:, None], float("-inf"))
    return torch.nn.functional.cross_entropy(logits, wanted), (right[:, 0] - ahead.max(1).values).min().item()


def model(folder, dialogues):
    """A folder of the packaged model that knows the dialogues."""
    copy = Path(folder) / "by-heart"
    shutil.copytree(stack.MODEL, copy, ignore=shutil.ignore_patterns("SHA256SUMS"))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(copy)
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(1)
    # Threads that wait for each other are slow beside anything else.
    torch.set_num_threads(1)
    network = LlamaForCausalLM.from_pretrained(copy, dtype=torch.float32)
    batch = [samples(tokenizer, dialogue) for dialogue in dialogues]
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0)
    for _ in range(STEPS):
        losses, margins = zip(*(learnt(network, *sample) for sample in batch))
        if min(margins) > MARGIN:
            break
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    else:
        raise AssertionError(f"not learnt in {STEPS} steps: {margins}")
    with torch.no_grad():
        network.model.norm.weight *= SHARP
    network.save_pretrained(copy)
    (copy / "chat_template.jinja").write_text(TEMPLATE)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    return copy
