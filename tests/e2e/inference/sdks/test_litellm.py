"""LiteLLM's SDK, with Quern as a provider of its own: one entry, as LiteLLM lists providers."""

import asyncio
import json
import os
import re
import tempfile
import unittest
from pathlib import Path
from typing import Literal
from unittest import mock

import litellm
from litellm.llms.openai_like import json_loader
from litellm.llms.openai_like.json_loader import JSONProviderRegistry
from pydantic import BaseModel
from served import BASE, ENCODER, KEY, MODEL, THINKER, THINKING, THOUGHT_TOKENS, TOOLS_MODEL

CHAT = [{"role": "user", "content": "Who built the ark?"}]
# The entry for LiteLLM's `providers.json`, as the page for users shows it.
PAGE = Path(__file__).resolve().parents[4] / "docs/clients.md"
ENTRY = json.loads(re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[1])
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object", "properties": {"city": {"enum": ["Ur", "Tyre"]}}, "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class City(BaseModel):
    name: Literal["Ur", "Tyre"]
    walled: bool


def setUpModule():
    os.environ["QUERN_BASE"] = BASE
    # LiteLLM's own loader reads its own file, with the entry.
    real = Path(json_loader.__file__)
    with tempfile.TemporaryDirectory() as folder:
        listed = json.loads((real.parent / "providers.json").read_text())
        (Path(folder) / "providers.json").write_text(json.dumps(listed | ENTRY))
        with mock.patch.object(json_loader, "__file__", f"{folder}/{real.name}"):
            JSONProviderRegistry._loaded = False
            JSONProviderRegistry.load()
    # Errors are told apart for providers of this list alone.
    litellm.openai_compatible_providers.append("quern")


def ask(model=MODEL, **request):
    request = {"messages": CHAT, "max_tokens": 20, "num_retries": 0, "timeout": 120} | request
    return litellm.completion(model=f"quern/{model}", **request)


class Provider(unittest.TestCase):
    def test_an_answer_comes_whole_in_pieces_and_asynchronously(self):
        whole = ask(seed=3)
        self.assertTrue(whole.choices[0].message.content)
        self.assertGreater(whole.usage.completion_tokens, 0)
        pieces = list(ask(seed=3, stream=True, stream_options={"include_usage": True}))
        text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(pieces[-1].usage.completion_tokens, whole.usage.completion_tokens)
        later = asyncio.run(
            litellm.acompletion(model=f"quern/{MODEL}", messages=CHAT, max_tokens=20, seed=3)
        )
        self.assertEqual(later.choices[0].message.content, text)

    def test_structured_outputs_and_forced_calls_are_valid(self):
        answer = ask(response_format=City, max_tokens=100)
        City.model_validate_json(answer.choices[0].message.content)
        for stream in (False, True):
            answer = ask(tools=[TOOL], tool_choice="required", parallel_tool_calls=False, max_tokens=100, stream=stream)
            if stream:
                answer = litellm.stream_chunk_builder(list(answer))
            self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
            arguments = json.loads(answer.choices[0].message.tool_calls[0].function.arguments)
            self.assertIn(arguments["city"], ("Ur", "Tyre"))

    def test_the_answer_of_a_tool_goes_back_into_the_chat(self):
        first = ask(TOOLS_MODEL, tools=[TOOL], tool_choice="required", parallel_tool_calls=False, max_tokens=100)
        message = first.choices[0].message
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "It lies in ruins."}
        second = ask(TOOLS_MODEL, messages=[*CHAT, message, result], tools=[TOOL], tool_choice="none")
        self.assertTrue(second.choices[0].message.content)

    def test_thoughts_come_beside_the_content_and_are_counted(self):
        whole = ask(THINKER, seed=7, max_tokens=40, extra_body=THINKING)
        message = whole.choices[0].message
        self.assertTrue(message.reasoning_content and message.content)
        counted = whole.usage.completion_tokens_details.reasoning_tokens
        self.assertIn(counted, range(2, THOUGHT_TOKENS + 1))
        pieces = list(ask(THINKER, seed=7, max_tokens=40, extra_body=THINKING, stream=True,
                          stream_options={"include_usage": True}))
        deltas = [piece.choices[0].delta for piece in pieces if piece.choices]
        told = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        self.assertEqual(told, message.reasoning_content)
        self.assertEqual("".join(delta.content or "" for delta in deltas), message.content)
        self.assertEqual(pieces[-1].usage.completion_tokens_details.reasoning_tokens, counted)

    def test_errors_are_those_of_their_kind(self):
        with self.assertRaises(litellm.BadRequestError):
            ask(temperature=7)
        with self.assertRaises(litellm.NotFoundError):
            ask("no-such-model")
        with self.assertRaises(litellm.AuthenticationError):
            ask(api_key="qk-wrong")
        with self.assertRaises(litellm.ContextWindowExceededError):
            ask(messages=[{"role": "user", "content": "a " * 3000}])

    def test_vectors_come_by_the_openai_route(self):
        answer = litellm.embedding(
            model=f"openai/{ENCODER}", input=["a whale", "a fish"], api_base=BASE, api_key=KEY
        )
        self.assertEqual([len(entry["embedding"]) for entry in answer.data], [384, 384])


if __name__ == "__main__":
    unittest.main()
