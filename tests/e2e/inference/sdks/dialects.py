"""The same request in three dialects, through their own clients, and what came back in one form."""

import json
from dataclasses import dataclass

import anthropic
import openai
from cases import MOST_TOKENS
from served import BASE, KEY, URL

CHAT = [{"role": "user", "content": "What is to be done?"}]
# One client a dialect; both are safe to share between threads.
OPENAI = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=120)
ANTHROPIC = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=120)
END = 2
MARKS = {
    "quern-tagged": "<tool_call>", "quern-listed": "[TOOL_CALLS]", "quern-named": "[TOOL_CALLS]",
    "quern-parameters": "<tool_call>",
}


@dataclass(frozen=True)
class Answer:
    """Text, calls as (id, name, arguments as text), why it ended in a chat's words, and how many tokens it took."""

    text: str
    calls: list
    finish: str
    tokens: int


def mark_ids():
    """Token ids of what announces a call, by model."""
    ask = lambda model, text: OPENAI.post(
        URL + "/tokenize", body={"model": model, "prompt": text, "add_special_tokens": False}, cast_to=object
    )
    return {model: ask(model, mark)["tokens"][0] for model, mark in MARKS.items()}


def bias(case, marks):
    """What makes these models choose: to call or not, and to end at once or after some more calls."""
    biases = {}
    if case.choice == "auto" and case.model in marks:
        # A mark opens a call, and where several are permitted also the next one.
        biases[str(marks[case.model])] = (9 if case.parallel else 100) if case.wants_call else -100
    if case.choice == "auto" or case.parallel:
        biases[str(END)] = 30 if case.number % 3 else 9
    return {"logit_bias": biases} if biases else {}


def chat(case, marks, most=MOST_TOKENS):
    functions = [
        {"type": "function", "function": {"name": name, "parameters": schema, "strict": case.strict}}
        for name, schema in case.tools.items()
    ]
    named = {"type": "function", "function": {"name": case.choice}}
    request = {
        "model": case.model, "messages": CHAT, "tools": functions, "max_tokens": most, "seed": case.number,
        "tool_choice": case.choice if case.choice in ("auto", "required") else named,
        "parallel_tool_calls": case.parallel, "temperature": case.temperature,
    } | bias(case, marks)
    if not case.stream:
        answer = OPENAI.chat.completions.create(**request)
        message = answer.choices[0].message
        calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []]
        assert calls or message.content is not None, "an answer without calls has a text"
        return Answer(message.content or "", calls, answer.choices[0].finish_reason, answer.usage.completion_tokens)
    text, calls, finish, usage = "", [], None, None
    for chunk in OPENAI.chat.completions.create(stream=True, stream_options={"include_usage": True}, **request):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for piece in choice.delta.tool_calls or []:
                if piece.id:
                    assert piece.index == len(calls), "calls of a stream come in their order"
                    calls.append((piece.id, piece.function.name, ""))
                id, name, arguments = calls[piece.index]
                calls[piece.index] = (id, name, arguments + (piece.function.arguments or ""))
            finish = choice.finish_reason or finish
    return Answer(text, calls, finish, usage.completion_tokens)


def responses(case, marks, most=MOST_TOKENS):
    functions = [
        {"type": "function", "name": name, "description": "Acts.", "parameters": schema, "strict": case.strict}
        for name, schema in case.tools.items()
    ]
    named = {"type": "function", "name": case.choice}
    request = {
        "model": case.model, "input": CHAT, "tools": functions, "max_output_tokens": most,
        "tool_choice": case.choice if case.choice in ("auto", "required") else named,
        "parallel_tool_calls": case.parallel, "temperature": case.temperature,
        "extra_body": {"seed": case.number} | bias(case, marks),
    }
    answer = OPENAI.responses.create(stream=case.stream, **request)
    if case.stream:
        answer = list(answer)[-1].response
    calls = [(item.call_id, item.name, item.arguments) for item in answer.output if item.type == "function_call"]
    finish = "tool_calls" if calls else "stop"
    if answer.status == "incomplete":
        finish = {"max_output_tokens": "length"}[answer.incomplete_details.reason]
    return Answer(answer.output_text, calls, finish, answer.usage.output_tokens)


def messages(case, _marks, most=MOST_TOKENS):
    functions = [
        {"name": name, "description": "Acts.", "input_schema": schema} for name, schema in case.tools.items()
    ]
    choice = {"type": "any"} if case.choice == "required" else {"type": "tool", "name": case.choice}
    request = {
        "model": case.model, "messages": CHAT, "tools": functions, "max_tokens": most,
        "tool_choice": choice | {"disable_parallel_tool_use": not case.parallel},
        "extra_body": {"seed": case.number, "temperature": case.temperature},
    }
    if case.stream:
        with ANTHROPIC.messages.stream(**request) as stream:
            answer = stream.get_final_message()
    else:
        answer = ANTHROPIC.messages.create(**request)
    calls = [(part.id, part.name, json.dumps(part.input)) for part in answer.content if part.type == "tool_use"]
    text = "".join(part.text for part in answer.content if part.type == "text")
    finish = {"tool_use": "tool_calls", "max_tokens": "length", "end_turn": "stop"}[answer.stop_reason]
    return Answer(text, calls, finish, answer.usage.output_tokens)


ASK = {"chat": chat, "responses": responses, "messages": messages}
