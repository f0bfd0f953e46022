"""The packaged model with templates that show it tools, one for each way of writing calls, as if it had learnt them."""

import json
import shutil
from pathlib import Path

import stack

# Names of tools are all that is shown of them: prompts stay short, and these models would make nothing of more.
NAMES = "{{ bos_token }}{% for tool in tools or [] %}{{ tool.function.name }}\n{% endfor %}"
MESSAGE = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
CALLS = "{% for call in message.tool_calls or [] %}"
END = "<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
TEMPLATES = {
    # Hermes and Qwen.
    "tagged": NAMES + MESSAGE + CALLS + "<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}" + END,
    # Mistral.
    "listed": NAMES + MESSAGE + CALLS + "[TOOL_CALLS][{{ call.function | tojson }}]{% endfor %}" + END,
    # Mistral since its eleventh tokenizer.
    "named": NAMES
    + MESSAGE
    + CALLS
    + "[TOOL_CALLS]{{ call.function.name }}[ARGS]{{ call.function.arguments | tojson }}{% endfor %}"
    + END,
    # Qwen3-Coder.
    "parameters": NAMES
    + MESSAGE
    + CALLS
    + "<tool_call>\n<function={{ call.function.name }}>\n"
    + "{% for name, value in call.function.arguments | items %}<parameter={{ name }}>\n"
    + "{{ value if value is string else value | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>{% endfor %}"
    + END,
    # Llama 3.
    "bare": NAMES
    + MESSAGE
    + CALLS
    + '{"name": "{{ call.function.name }}", "parameters": {{ call.function.arguments | tojson }}}{% endfor %}'
    + END,
}
# What a template says of earlier thoughts, and of those to come: Qwen 3's way and DeepSeek R1's.
THOUGHT = (
    "{{ message.content }}",
    "{% if message.reasoning_content %}<think>\n{{ message.reasoning_content }}\n</think>\n\n{% endif %}{{ message.content }}",
)
HYBRID = "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
ALWAYS = "<think>\n"
# Marks that are tokens of their own, as in the families' real vocabularies, where a test can make a model like them.
MARKS = {
    "tagged": ["<tool_call>", "</tool_call>"],
    "listed": ["[TOOL_CALLS]"],
    "named": ["[TOOL_CALLS]", "[ARGS]"],
    "parameters": ["<tool_call>", "</tool_call>"],
    "bare": [],
}


def model(folder, style="tagged", special=False):
    """Such a model, in a folder of its own, with room for long conversations."""
    copy = Path(folder) / f"{style}-{'special' if special else 'plain'}"
    shutil.copytree(stack.MODEL, copy, ignore=shutil.ignore_patterns("SHA256SUMS"))
    (copy / "chat_template.jinja").write_text(TEMPLATES[style])
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    if special:
        tokenizer = json.loads((copy / "tokenizer.json").read_text())
        for mark in MARKS[style]:
            replace_last_word(tokenizer, mark)
        (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    return copy


def thinker(folder, always):
    """A model that thinks before it answers, which its template begins for it or leaves to it, and its two marks' ids."""
    copy = Path(folder) / ("always" if always else "hybrid")
    shutil.copytree(stack.MODEL, copy, ignore=shutil.ignore_patterns("SHA256SUMS"))
    (copy / "chat_template.jinja").write_text(TEMPLATES["tagged"].replace(*THOUGHT) + (ALWAYS if always else HYBRID))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    for mark in ("<think>", "</think>"):
        # As in Qwen's and DeepSeek's vocabularies: tokens of their own, but no special ones.
        replace_last_word(tokenizer, mark, special=False)
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    return copy, [tokenizer["model"]["vocab"][mark] for mark in ("<think>", "</think>")]


def replace_last_word(tokenizer, mark, special=True):
    """Gives the id of the vocabulary's last word, which no merge builds on, to a token that is added."""
    vocabulary, merges = tokenizer["model"]["vocab"], tokenizer["model"]["merges"]
    specials = {token["content"] for token in tokenizer["added_tokens"]}
    word = max((word for word in vocabulary if word not in specials), key=vocabulary.get)
    assert "".join(merges.pop()) == word, word
    vocabulary[mark] = vocabulary.pop(word)
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer["added_tokens"].append({"id": vocabulary[mark], "content": mark, "special": special} | flags)
