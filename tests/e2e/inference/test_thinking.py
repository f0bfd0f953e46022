"""Models that think before they answer, through OpenAI's and Anthropic's unmodified clients.

The packaged weights were never taught to think: biases and budgets say where their thoughts end.
"""

import json
import tempfile
import unittest

import anthropic
import openai
import stack
import taught

MODEL = "thinker"
CHAT = [{"role": "user", "content": "Who built the ark?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Ur", "Tyre"]}},
    "required": ["city"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "look", "strict": True, "parameters": SCHEMA}}


def setUpModule():
    global folder, always, hybrid, gateway, client, direct, theirs, never, soon, begin
    folder = tempfile.TemporaryDirectory()
    model, (_, close) = taught.thinker(folder.name, always=True)
    always = stack.worker(model, model_id=MODEL)
    model, (opening, same) = taught.thinker(folder.name, always=False)
    assert same == close
    hybrid = stack.worker(model, model_id=MODEL)
    gateway = stack.router([always])
    client, direct = gateway.client(), hybrid.client()
    theirs = anthropic.Anthropic(base_url=gateway.url, api_key="unused", max_retries=0)
    # Thoughts that end by their budget alone, after a few words, and that the model begins itself.
    never, soon, begin = {str(close): -100}, {str(close): 6}, {str(opening): 100, str(close): -100}


def tearDownModule():
    for server in (gateway, always, hybrid):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def chat(source=None, budget=12, bias=None, extra=None, **request):
    extra = ({"thinking_token_budget": budget} if budget is not None else {}) | (extra or {})
    request = {"max_tokens": 60, "seed": 7} | request
    bias = never if bias is None else bias
    source = source or client
    return source.chat.completions.create(model=MODEL, messages=CHAT, logit_bias=bias, extra_body=extra, **request)


def streamed(**request):
    """Thoughts, content, the number of the first chunk with content, and usage."""
    thought, content, order, usage = "", "", [], None
    for chunk in chat(stream=True, stream_options={"include_usage": True}, **request):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            if piece := getattr(choice.delta, "reasoning_content", None):
                thought += piece
                order.append("thought")
            if choice.delta.content:
                content += choice.delta.content
                order.append("content")
    assert order == sorted(order, reverse=True), order
    return thought, content, usage


class Chats(unittest.TestCase):
    def test_thoughts_go_beside_the_content_and_are_counted(self):
        answer = chat()
        message, usage = answer.choices[0].message, answer.usage
        self.assertTrue(message.reasoning_content)
        self.assertNotIn("think>", message.reasoning_content + message.content)
        self.assertFalse(hasattr(message, "reasoning"))
        # Twelve tokens and the mark behind them.
        self.assertEqual(usage.completion_tokens_details.reasoning_tokens, 13)
        self.assertGreater(usage.completion_tokens, 13)
        thought, content, counted = streamed()
        self.assertEqual((thought, content), (message.reasoning_content, message.content))
        self.assertEqual(counted, usage)

    def test_a_schema_holds_the_answer_and_not_the_thoughts(self):
        answer = chat(response_format=FORMAT)
        message = answer.choices[0].message
        self.assertIn(json.loads(message.content)["city"], ("Ur", "Tyre"))
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertTrue(message.reasoning_content)
        self.assertNotIn("{", message.reasoning_content)
        thought, content, _ = streamed(response_format=FORMAT)
        self.assertEqual((thought, content), (message.reasoning_content, message.content))

    def test_a_call_comes_after_the_thoughts(self):
        answer = chat(tools=[TOOL], tool_choice="required", parallel_tool_calls=False, max_tokens=200)
        message = answer.choices[0].message
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        self.assertIn(json.loads(message.tool_calls[0].function.arguments)["city"], ("Ur", "Tyre"))
        self.assertTrue(message.reasoning_content)
        self.assertIsNone(message.content)

    def test_stop_strings_end_the_content_and_not_the_thoughts(self):
        free = chat(temperature=0).choices[0].message
        word = free.reasoning_content.split()[1]
        stopped = chat(temperature=0, stop=[word]).choices[0]
        self.assertEqual(stopped.message.reasoning_content, free.reasoning_content)
        self.assertNotIn(word, stopped.message.content)
        end = free.content[2:6]
        stopped = chat(temperature=0, stop=[end]).choices[0]
        self.assertEqual(stopped.message.content, free.content[: free.content.index(end)])
        self.assertEqual((stopped.finish_reason, stopped.stop_reason), ("stop", end))

    def test_log_probabilities_are_of_the_content(self):
        choice = chat(logprobs=True).choices[0]
        joined = b"".join(bytes(token.bytes) for token in choice.logprobs.content).decode(errors="replace")
        self.assertEqual(joined.lstrip("\n"), choice.message.content)

    def test_thoughts_are_left_out_or_switched_off(self):
        for extra in ({"include_reasoning": False}, {"reasoning": {"exclude": True}}):
            answer = chat(extra=extra)
            self.assertFalse(hasattr(answer.choices[0].message, "reasoning_content"))
            self.assertEqual(answer.usage.completion_tokens_details.reasoning_tokens, 13)
        for source in (client, direct):
            for request in ({"reasoning_effort": "none"}, {"extra": {"reasoning": {"enabled": False}}}):
                answer = chat(source, budget=None, **request)
                self.assertFalse(hasattr(answer.choices[0].message, "reasoning_content"))
                self.assertLessEqual(answer.usage.completion_tokens_details.reasoning_tokens, 1)
                self.assertTrue(answer.choices[0].message.content)

    def test_a_model_that_begins_its_thoughts_itself(self):
        message = chat(direct, bias=begin, budget=5, response_format=FORMAT).choices[0].message
        self.assertIn(json.loads(message.content)["city"], ("Ur", "Tyre"))
        # It may also not.
        answer = chat(direct, bias={key: -100 for key in begin}, budget=None, response_format=FORMAT)
        self.assertEqual(answer.usage.completion_tokens_details.reasoning_tokens, 0)
        self.assertIn(json.loads(answer.choices[0].message.content)["city"], ("Ur", "Tyre"))

    def test_openrouters_parameter_brings_openrouters_name(self):
        message = chat(budget=None, extra={"reasoning": {"max_tokens": 8}}).choices[0].message
        self.assertTrue(message.reasoning)
        self.assertEqual(message.reasoning, message.reasoning_content)

    def test_what_contradicts_itself_is_refused_by_name(self):
        for param, request in {
            "reasoning.max_tokens": {"extra": {"reasoning": {"effort": "low", "max_tokens": 5}}},
            "reasoning_effort": {"reasoning_effort": "none", "budget": 5},
            "reasoning.colour": {"extra": {"reasoning": {"colour": 1}}},
        }.items():
            with self.assertRaises(openai.BadRequestError) as caught:
                chat(**request)
            self.assertEqual(caught.exception.param, param)

    def test_the_listing_says_that_it_thinks(self):
        for source in (client, direct):
            self.assertIn("reasoning", source.models.list().data[0].supported_features)


class Responses(unittest.TestCase):
    def ask(self, **request):
        extra = {"seed": 7, "logit_bias": soon}
        return client.responses.create(model=MODEL, max_output_tokens=120, extra_body=extra, **request)

    def test_thoughts_are_an_item_of_their_own_whole_and_in_events(self):
        answer = self.ask(input="Who built the ark?", reasoning={"effort": "low"})
        self.assertEqual([item.type for item in answer.output], ["reasoning", "message"])
        thought = answer.output[0].content[0]
        self.assertEqual(thought.type, "reasoning_text")
        self.assertTrue(thought.text)
        self.assertGreater(answer.usage.output_tokens_details.reasoning_tokens, 0)
        told, last = "", None
        for event in self.ask(input="Who built the ark?", reasoning={"effort": "low"}, stream=True):
            told += event.delta if event.type == "response.reasoning_text.delta" else ""
            last = event
        self.assertEqual(told, thought.text)
        self.assertEqual(last.response.output_text, answer.output_text)
        self.assertEqual(last.response.output[0].content[0].text, thought.text)

    def test_items_of_an_answer_go_back_as_they_came(self):
        first = self.ask(input="Who built the ark?")
        again = [
            {"role": "user", "content": "Who built the ark?"},
            *[item.model_dump(exclude_none=True) for item in first.output],
            {"role": "user", "content": "And why?"},
        ]
        with_thoughts = self.ask(input=again).usage.input_tokens
        again = [item for item in again if item.get("type") != "reasoning"]
        self.assertGreater(with_thoughts, self.ask(input=again).usage.input_tokens)


class Messages(unittest.TestCase):
    REQUEST = {
        "model": MODEL,
        "max_tokens": 1200,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "stop_sequences": ["the"],
    }

    def test_thoughts_are_a_block_of_their_own_whole_and_in_events(self):
        request = self.REQUEST | {"messages": CHAT, "extra_body": {"seed": 7, "logit_bias": soon}}
        answer = theirs.messages.create(**request)
        self.assertEqual([block.type for block in answer.content], ["thinking", "text"])
        self.assertTrue(answer.content[0].thinking and answer.content[0].signature)
        kinds = set()
        with theirs.messages.stream(**request) as stream:
            for event in stream:
                kinds |= {event.delta.type} if event.type == "content_block_delta" else set()
            final = stream.get_final_message()
        self.assertLessEqual({"thinking_delta", "signature_delta"}, kinds)
        self.assertEqual(final.content[0].thinking, answer.content[0].thinking)
        self.assertEqual(final.content[0].signature, answer.content[0].signature)
        self.assertEqual(final.content[1].text, answer.content[1].text)
        # Blocks go back as they came, and the model reads its earlier thoughts.
        again = [*CHAT, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "Why?"}]
        count = theirs.messages.count_tokens
        plain = [*CHAT, {"role": "assistant", "content": answer.content[1:]}, {"role": "user", "content": "Why?"}]
        self.assertGreater(
            count(model=MODEL, messages=again).input_tokens, count(model=MODEL, messages=plain).input_tokens
        )
        theirs.messages.create(**request | {"messages": again})

    def test_thoughts_can_be_switched_off_and_are_bounded(self):
        request = self.REQUEST | {"messages": CHAT, "thinking": {"type": "disabled"}, "max_tokens": 20}
        self.assertEqual([block.type for block in theirs.messages.create(**request).content], ["text"])
        for budget in (1023, 1200):
            with self.assertRaises(anthropic.BadRequestError) as caught:
                thinking = {"type": "enabled", "budget_tokens": budget}
                theirs.messages.create(**self.REQUEST | {"messages": CHAT, "thinking": thinking})
            self.assertEqual(caught.exception.body["error"]["param"], "thinking.budget_tokens")
