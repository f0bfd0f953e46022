"""Writes chat.json: templates of our own, chats, and what `transformers` renders for them.

Run with the Python environment of `make setup`: .deps/python/bin/python inference-worker/engine/tests/vectors/chat.py
"""

import datetime
import json
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

# 22 November 2026, 09:05:07.
NOW = datetime.datetime(2026, 11, 22, 9, 5, 7)

PLAIN = """{{ bos_token }}{% for message in messages %}
    {% if message['role'] not in ['system', 'user', 'assistant', 'tool'] %}
        {{- raise_exception('unknown role: ' + message.role) }}
    {% endif %}
    {%- if message.content is not none %}
[{{ message.role | upper }}] {{ message.content | trim }}{{ eos_token }}
    {% endif %}
{% endfor %}{% if add_generation_prompt %}[ASSISTANT]{% endif %}"""

TOOLS = """{%- macro describe(tool) -%}
{{ tool.function.name }}({% for name, property in tool.function.parameters.properties.items() -%}
{{ name }}: {{ property.type }}{{ ", " if not loop.last }}
{%- endfor %})
{%- endmacro -%}
{%- if tools %}
{{- "Tools:\\n" }}
{%- for tool in tools %}
{{- describe(tool) }} {{ tool | tojson }}
{{ tool.function | tojson(indent=2) }}
{{ tool.function.parameters.required | tojson(separators=(',', ':')) }} {{ tool | tojson(sort_keys=True) }}
{% endfor %}
{%- else %}{{ "no tools: " ~ tools }}{% endif %}
{%- for message in messages %}
<{{ message.role }}>
{%- if message.tool_calls is defined and message.tool_calls %}
{%- for call in message.tool_calls %}
{{- '\\n<call>' }}{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}</call>
{%- endfor %}
{%- elif message.content is string %}
{{- message.content }}
{%- else %}
{%- for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}
{%- endif %}
{%- endfor %}
"""

CONTROL = """{% set ns = namespace(seen=0, last='', system=none) %}
{% for message in messages %}
{% if message.role == 'system' %}{% set ns.system = message.content %}{% continue %}{% endif %}
{% if ns.seen >= 3 %}{% break %}{% endif %}
{% set ns.seen = ns.seen + 1 %}
{% set ns.last = message.content %}
{{ loop.index }}/{{ loop.length }} {{ loop.index0 % 2 == 0 }} {{ message.content.split(' ')[0].strip('!?').lower() }}
{% endfor %}
{{ ns.seen }} {{ ns.last[:5] }} {{ ns.last[::-1] }} {{ ns.system }} {{ messages[1:] | length }} {{ messages[-1]['role'] }}
{{ messages | map(attribute='role') | join('+') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }}
{{ undefined_thing }}|{{ undefined_thing | default('none') }}|{{ none }}|{{ true }}|{{ [1, 2.5, 'a', none] }}|{{ {'k': false} }}
{%- if messages[0].content.startswith('You') and 'help' in messages[0].content %} yes {%- endif %}
{% generation %}
marked {{ "x" * 3 }}
{% endgeneration %}
{%- generation -%} marked {%- endgeneration -%}
{{ 10 // 3 }} {{ 2 ** 5 }} {{ 7 / 2 }} {{ "%s" | string }} {{ 1.0 | string }} {{ (1 == 1) | string }}
"""

NUMBERS = """{{ numbers | tojson }}
{%- for number in numbers %} {{ number }}{% endfor %}
{{ texts | tojson }} {{ texts | tojson(ensure_ascii=true) }}
{{ texts }} {{ [] | tojson }} {{ {} | tojson(indent=4) }} {{ [[], {}] | tojson(indent=1) }}"""

TODAY = """{{ strftime_now('%d %b %Y') }} {{ strftime_now("%Y-%m-%d %H:%M:%S") }} {{ strftime_now('%A, %B %-d') }}
{%- if strftime_now is defined %} known{% endif %}"""

CHAT = [
    {"role": "system", "content": "You help.\n"},
    {"role": "user", "content": "  Hello! <b>&'\"</b> naïve 東京 🙂 "},
    {"role": "assistant", "content": "Hi there"},
    {"role": "user", "content": "Why? tell me"},
    {"role": "assistant", "content": "So"},
    {"role": "user", "content": "Fine"},
]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a <place> & its 'surroundings', naïve 東京",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": "integer", "maximum": 7, "default": 1.0}},
            "required": ["place"],
            "additionalProperties": False,
            "examples": [],
        },
    },
}
CALLS = [
    {"role": "user", "content": [{"type": "text", "text": "Weather in Rome?"}, {"type": "image"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {"place": "Rome", "days": 2}}}],
    },
    {"role": "tool", "content": '{"sky": "clear"}'},
]
CASES = [
    (PLAIN, CHAT, None, {}),
    (PLAIN, [{"role": "critic", "content": "?"}], None, {}),
    (TOOLS, CALLS, [WEATHER, WEATHER | {"strict": True}], {}),
    (TOOLS, CHAT, None, {}),
    (CONTROL, CHAT, None, {}),
    (
        NUMBERS,
        CHAT[:1],
        None,
        {
            "numbers": [0, -1, 1.0, 0.1, 1e15, 1e16, 1.5e22, 1e-4, 1e-5, 12345678901234567890, -2.5e-7, 0.0],
            "texts": ["a'b", 'a"b', "tab\t", "line\n", "back\\", "\u007f\u0001", "é🙂", "'\""],
        },
    ),
    (TODAY, CHAT, None, {}),
]


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def main():
    chat_template_utils.datetime = Fixed
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE({"a": 0}, [])), bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    cases = []
    for template, messages, tools, extra in CASES:
        case = {"template": template, "messages": messages, "tools": tools or [], "extra": extra}
        try:
            case["text"] = tokenizer.apply_chat_template(
                messages, tools=tools, chat_template=template, add_generation_prompt=True, tokenize=False, **extra
            )
        except Exception as error:
            case["refused"] = str(error)
        cases.append(case)
    now = int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp())
    vectors = {"now": now, "cases": cases}
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
