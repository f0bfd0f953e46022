"""Structured outputs, tools, log-probabilities and several choices, as the unmodified `openai` client asks for them.

The packaged model knows neither tools nor JSON: that it answers in them all the same shows that the grammar does it.
"""

import json
import math
import re
import tempfile
import unittest
from typing import Literal, Optional

import openai
import stack
import taught
from pydantic import BaseModel, Field

MODEL = stack.MODEL_ID
CHAT = [{"role": "user", "content": "Who built the ark?"}]


class Person(BaseModel):
    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=969)
    role: Literal["builder", "passenger"]
    wife: Optional[bool]


class Weather(BaseModel):
    unit: Literal["C", "F"]
    days: int = Field(ge=1, le=9)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "unit": {"enum": ["C", "F"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["unit", "days"],
            "additionalProperties": False,
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}


def setUpModule():
    global folder, worker, pupil, gateway, client, teacher
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    worker = stack.worker()
    pupil = stack.worker(taught.model(folder.name), model_id=MODEL)
    gateway = stack.router([worker], keys=keys)
    client = gateway.client(key)
    teacher = pupil.client()


def tearDownModule():
    for server in (gateway, worker, pupil):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def weather_is_valid(arguments):
    value = json.loads(arguments)
    return set(value) == {"unit", "days"} and value["unit"] in ("C", "F") and 1 <= value["days"] <= 9


class StructuredOutputs(unittest.TestCase):
    def test_pydantic_models_parse(self):
        for seed in range(6):
            answer = client.chat.completions.parse(
                model=MODEL, messages=CHAT, response_format=Person, max_tokens=200, seed=seed
            )
            person = answer.choices[0].message.parsed
            self.assertIsInstance(person, Person)
            self.assertEqual(answer.choices[0].finish_reason, "stop")

    def test_json_mode_gives_an_object_or_says_that_it_was_cut(self):
        ends = set()
        for seed in range(6):
            answer = client.chat.completions.create(
                model=MODEL, messages=CHAT, response_format={"type": "json_object"}, max_tokens=120, seed=seed
            )
            ends.add(answer.choices[0].finish_reason)
            if answer.choices[0].finish_reason == "stop":
                self.assertIsInstance(json.loads(answer.choices[0].message.content), dict)
        self.assertLessEqual(ends, {"stop", "length"})

    def test_an_output_that_is_cut_says_length_and_parse_raises(self):
        with self.assertRaises(openai.LengthFinishReasonError):
            client.chat.completions.parse(model=MODEL, messages=CHAT, response_format=Person, max_tokens=3)

    def test_expressions_choices_and_grammars(self):
        def text(**extra):
            answer = client.completions.create(
                model=MODEL, prompt="In the", max_tokens=60, temperature=1.5, extra_body=extra
            )
            self.assertEqual(answer.choices[0].finish_reason, "stop")
            return answer.choices[0].text

        self.assertRegex(text(guided_regex="[a-z]{4}-[0-9]{2}"), r"\A[a-z]{4}-[0-9]{2}\Z")
        self.assertIn(text(structured_outputs={"choice": ["ark", "altar"]}), ("ark", "altar"))
        self.assertRegex(text(guided_grammar='start: "<" WORD ">"\nWORD: /[a-z]{1,5}/'), r"\A<[a-z]{1,5}>\Z")
        value = json.loads(text(guided_json={"type": "array", "items": {"type": "boolean"}, "maxItems": 3}))
        self.assertTrue(all(isinstance(item, bool) for item in value))

    def test_the_same_seed_repeats_under_a_schema_and_another_schema_is_another_output(self):
        def text(seed, most):
            schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": most}}, "required": ["a"]}
            answer = client.chat.completions.create(
                model=MODEL,
                messages=CHAT,
                seed=seed,
                max_tokens=80,
                response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
            )
            return answer.choices[0].message.content

        self.assertEqual(text(1, 30), text(1, 30))
        self.assertNotEqual(text(1, 30), text(2, 30))
        self.assertNotEqual(text(1, 30), text(1, 31))

    def test_what_is_no_schema_or_too_much_of_one_is_refused_by_name(self):
        deep = {"type": "integer"}
        for _ in range(60):
            deep = {"type": "array", "items": deep}
        path = "response_format.json_schema.schema"
        for schema in (deep, {"type": "wizard"}, {"not": {}}, {"$ref": "#/nowhere"}, {"type": "string", "pattern": "("}):
            with self.assertRaises(openai.BadRequestError) as caught:
                client.chat.completions.create(
                    model=MODEL,
                    messages=CHAT,
                    response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
                )
            self.assertEqual(caught.exception.param, path)
            self.assertEqual(caught.exception.code, "invalid_value")
        with self.assertRaises(openai.BadRequestError) as caught:
            client.completions.create(model=MODEL, prompt="x", extra_body={"guided_regex": "(a"})
        self.assertEqual(caught.exception.param, "guided_regex")


class ToolCalls(unittest.TestCase):
    def test_a_forced_call_is_valid_on_a_model_that_knows_no_tools(self):
        for source, seed in ((client, 1), (client, 2), (teacher, 3)):
            for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
                answer = source.chat.completions.create(
                    model=MODEL,
                    messages=CHAT,
                    tools=[WEATHER],
                    tool_choice=choice,
                    parallel_tool_calls=False,
                    seed=seed,
                    max_tokens=120,
                )
                message = answer.choices[0].message
                self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
                self.assertIsNone(message.content)
                self.assertEqual([call.function.name for call in message.tool_calls], ["get_weather"])
                self.assertTrue(weather_is_valid(message.tool_calls[0].function.arguments))

    def test_a_stream_brings_the_same_calls_in_pieces(self):
        request = {
            "model": MODEL,
            "messages": CHAT,
            "tools": [WEATHER, TIME],
            "tool_choice": "required",
            "seed": 11,
            "max_tokens": 200,
        }
        for source in (client, teacher):
            whole = source.chat.completions.create(**request).choices[0]
            calls, ids, finish = [], [], None
            for chunk in source.chat.completions.create(stream=True, **request):
                delta = chunk.choices[0].delta
                for piece in delta.tool_calls or []:
                    if piece.id:
                        ids.append(piece.id)
                        calls.append([piece.function.name, ""])
                        self.assertEqual((piece.index, piece.type), (len(calls) - 1, "function"))
                    calls[piece.index][1] += piece.function.arguments or ""
                finish = chunk.choices[0].finish_reason or finish
            wanted = [[call.function.name, call.function.arguments] for call in whole.message.tool_calls]
            self.assertEqual(calls, wanted)
            self.assertEqual(finish, whole.finish_reason)
            self.assertEqual(len(set(ids)), len(ids))

    def test_the_clients_own_stream_helper_reads_the_calls(self):
        with client.chat.completions.stream(
            model=MODEL, messages=CHAT, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, seed=4
        ) as stream:
            for _ in stream:
                pass
            call = stream.get_final_completion().choices[0].message.tool_calls[0]
        self.assertTrue(weather_is_valid(call.function.arguments))

    def test_a_model_that_is_taught_tools_may_answer_in_text(self):
        answer = teacher.chat.completions.create(
            model=MODEL, messages=CHAT, tools=[WEATHER], seed=5, max_tokens=30, temperature=0.7
        )
        choice = answer.choices[0]
        self.assertIn(choice.finish_reason, ("stop", "length", "tool_calls"))
        self.assertTrue(choice.message.content or choice.message.tool_calls)

    def test_the_loop_goes_on_with_the_answer_of_a_tool(self):
        first = teacher.chat.completions.create(
            model=MODEL, messages=CHAT, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, seed=6
        ).choices[0].message
        answers = [
            {"role": "tool", "tool_call_id": call.id, "content": "sun"} for call in first.tool_calls if call.id
        ]
        second = teacher.chat.completions.create(
            model=MODEL, messages=[*CHAT, first, *answers], tools=[WEATHER], tool_choice="none", max_tokens=8
        )
        self.assertIsNone(second.choices[0].message.tool_calls)

    def test_tools_and_a_format_go_together_and_the_answer_is_one_or_the_other(self):
        weather = openai.pydantic_function_tool(Weather, name="get_weather")
        request = {
            "model": MODEL, "messages": CHAT, "tools": [weather], "response_format": Person, "max_tokens": 200,
            "parallel_tool_calls": False,
        }
        kinds = set()
        for seed in range(8):
            message = teacher.chat.completions.parse(seed=seed, temperature=1.5, **request).choices[0].message
            if message.tool_calls:
                self.assertIsNone(message.content)
                kinds.add("calls")
                for call in message.tool_calls:
                    self.assertIsInstance(call.function.parsed_arguments, Weather)
            else:
                self.assertIsInstance(message.parsed, Person)
                kinds.add("text")
        self.assertIn("text", kinds)
        with teacher.chat.completions.stream(seed=3, **request) as stream:
            for _ in stream:
                pass
            streamed = stream.get_final_completion().choices[0].message
        whole = teacher.chat.completions.parse(seed=3, **request).choices[0].message
        # The client puts pieces together to an empty text, where a whole answer has none.
        self.assertEqual(streamed.content or None, whole.content)
        self.assertEqual(bool(streamed.tool_calls), bool(whole.tool_calls))
        for seed in range(3):
            forced = teacher.chat.completions.parse(seed=seed, tool_choice="required", **request).choices[0].message
            self.assertIsInstance(forced.tool_calls[0].function.parsed_arguments, Weather)
            self.assertIsNone(forced.content)
            spoken = teacher.chat.completions.parse(seed=seed, tool_choice="none", **request).choices[0].message
            self.assertIsInstance(spoken.parsed, Person)
            self.assertFalse(spoken.tool_calls)
        # The model's own way: what it likes best begins a call.
        mark = {str(token): 100 for token in tokens_of(pupil, "<tool_call>")[:1]}
        drawn = [
            teacher.chat.completions.create(
                model=MODEL, messages=CHAT, tools=[WEATHER], response_format={"type": "json_object"}, max_tokens=200,
                parallel_tool_calls=False, logit_bias=mark, seed=seed,
            ).choices[0]
            for seed in range(3)
        ]
        self.assertIn("tool_calls", {choice.finish_reason for choice in drawn}, drawn)
        for choice in drawn:
            for call in choice.message.tool_calls or []:
                self.assertTrue(choice.finish_reason == "length" or weather_is_valid(call.function.arguments))

    def test_a_call_that_was_cut_may_be_sent_back(self):
        request = {"model": MODEL, "tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False}
        for most in range(20, 120, 4):
            cut = teacher.chat.completions.create(messages=CHAT, max_tokens=most, seed=6, **request).choices[0]
            if cut.message.tool_calls and cut.finish_reason == "length":
                break
        self.assertEqual(cut.finish_reason, "length")
        call = cut.message.tool_calls[0]
        for arguments in (call.function.arguments, "", '{"unit": "C'):
            said = cut.message.to_dict()
            said["tool_calls"][0]["function"]["arguments"] = arguments
            history = [*CHAT, said, {"role": "tool", "tool_call_id": call.id, "content": "That call was cut."}]
            again = teacher.chat.completions.create(messages=history, max_tokens=120, **request).choices[0]
            self.assertTrue(weather_is_valid(again.message.tool_calls[0].function.arguments))

    def test_who_speaks_may_be_named(self):
        messages = [
            {"role": "system", "content": "Be brief.", "name": "house"},
            {"role": "user", "content": "Who built the ark?", "name": "Ann"},
            {"role": "assistant", "content": "Noah.", "name": "bot"},
            {"role": "user", "content": "Why?", "name": "Bob"},
        ]
        answers = []
        for names in (True, False):
            said = [message if names else {k: v for k, v in message.items() if k != "name"} for message in messages]
            answer = client.chat.completions.create(model=MODEL, messages=said, max_tokens=8, seed=1)
            answers.append((answer.choices[0].message.content, answer.usage.prompt_tokens))
        # This model's template has no place for them.
        self.assertEqual(answers[0], answers[1])

    def test_what_the_model_cannot_be_shown_is_refused_by_name(self):
        call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        history = [*CHAT, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": "x"}]
        for param, request in {
            "tools": {"tools": [WEATHER]},
            "messages[1].tool_calls": {"messages": history},
            "reasoning_effort": {"reasoning_effort": "low"},
            "chat_template_kwargs.enable_thinking": {"extra_body": {"chat_template_kwargs": {"enable_thinking": True}}},
            "tool_choice": {"tool_choice": "required"},
        }.items():
            with self.assertRaises(openai.BadRequestError) as caught:
                client.chat.completions.create(**{"model": MODEL, "messages": CHAT} | request)
            self.assertEqual(caught.exception.param, param)


class Likelihoods(unittest.TestCase):
    def test_log_probabilities_are_of_the_models_own_distribution(self):
        request = {"model": MODEL, "messages": CHAT, "max_tokens": 8, "seed": 3, "logprobs": True, "top_logprobs": 20}
        hot = client.chat.completions.create(temperature=2, **request).choices[0]
        first = hot.logprobs.content[0]
        self.assertEqual(len(first.top_logprobs), 20)
        logprobs = [top.logprob for top in first.top_logprobs]
        self.assertEqual(logprobs, sorted(logprobs, reverse=True))
        self.assertLessEqual(sum(map(math.exp, logprobs)), 1 + 1e-9)
        # The first position's distribution depends on the prompt alone.
        cold = client.chat.completions.create(temperature=0, **request).choices[0]
        self.assertEqual(cold.logprobs.content[0].top_logprobs, first.top_logprobs)
        self.assertEqual(cold.logprobs.content[0].token, first.top_logprobs[0].token)

    def test_their_bytes_are_the_text(self):
        request = {"model": MODEL, "messages": CHAT, "max_tokens": 40, "seed": 5, "temperature": 2, "logprobs": True}
        choice = client.chat.completions.create(**request).choices[0]
        joined = b"".join(bytes(token.bytes) for token in choice.logprobs.content)
        self.assertEqual(joined.decode(errors="replace"), choice.message.content)
        pieces, tokens = "", []
        for chunk in client.chat.completions.create(stream=True, **request):
            pieces += chunk.choices[0].delta.content or ""
            if chunk.choices[0].logprobs:
                tokens += chunk.choices[0].logprobs.content
        self.assertEqual(pieces, choice.message.content)
        self.assertEqual(tokens, choice.logprobs.content)

    def test_completions_have_their_own_shape(self):
        answer = client.completions.create(model=MODEL, prompt="In the", max_tokens=6, seed=1, logprobs=3)
        logprobs = answer.choices[0].logprobs
        self.assertEqual("".join(logprobs.tokens), answer.choices[0].text)
        self.assertEqual(logprobs.text_offset[0], 0)
        self.assertTrue(all(3 <= len(top) <= 4 for top in logprobs.top_logprobs))
        self.assertTrue(all(p <= 0 for p in logprobs.token_logprobs))


class Parameters(unittest.TestCase):
    def test_several_choices_are_those_of_one_seed_and_the_prompt_counts_once(self):
        request = {"model": MODEL, "messages": CHAT, "max_tokens": 20, "seed": 9, "n": 3}
        answer = client.chat.completions.create(**request)
        texts = [choice.message.content for choice in answer.choices]
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        self.assertEqual(len(set(texts)), 3)
        one = client.chat.completions.create(**request | {"n": 1})
        self.assertEqual(one.choices[0].message.content, texts[0])
        self.assertEqual(one.usage.prompt_tokens, answer.usage.prompt_tokens)
        self.assertGreater(answer.usage.completion_tokens, one.usage.completion_tokens)
        streamed, usages = ["", "", ""], []
        for chunk in client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **request):
            for choice in chunk.choices:
                streamed[choice.index] += choice.delta.content or ""
            usages += [chunk.usage] if chunk.usage else []
        self.assertEqual(streamed, texts)
        self.assertEqual(len(usages), 1)
        self.assertEqual(usages[0].completion_tokens, answer.usage.completion_tokens)

    def test_what_of_a_prompt_was_cached_is_told_and_other_salts_find_nothing(self):
        said = [{"role": "user", "content": "Who built the ark, and of what wood was it? " * 8}]

        def ask(salt, **options):
            return client.chat.completions.create(
                model=MODEL, messages=said, max_tokens=2, extra_body={"cache_salt": salt}, **options
            )

        def cached(usage):
            return usage.prompt_tokens_details.cached_tokens

        self.assertEqual(cached(ask("one").usage), 0)
        again = ask("one").usage
        self.assertGreater(cached(again), 0)
        # One token at least has to be computed.
        self.assertLess(cached(again), again.prompt_tokens)
        chunks = list(ask("one", stream=True, stream_options={"include_usage": True}))
        self.assertEqual(cached(chunks[-1].usage), cached(again))
        self.assertEqual(cached(ask("another").usage), 0)

    def test_biases_and_penalties_change_what_is_drawn(self):
        def text(**change):
            request = {"model": MODEL, "prompt": "And the", "max_tokens": 24, "temperature": 0} | change
            return client.completions.create(**request).choices[0].text

        plain = text()
        self.assertEqual(plain, text(presence_penalty=0, extra_body={"top_k": 0, "min_p": 0, "repetition_penalty": 1}))
        self.assertNotEqual(plain, text(frequency_penalty=2, presence_penalty=2))
        self.assertNotEqual(plain, text(extra_body={"repetition_penalty": 1.8}))
        self.assertEqual(plain, text(temperature=1, extra_body={"top_k": 1}))
        self.assertEqual(plain, text(temperature=1, extra_body={"min_p": 1}))
        token = worker_tokens(plain)[0]
        self.assertNotEqual(plain, text(logit_bias={str(token): -100}))
        with self.assertRaises(openai.BadRequestError) as caught:
            text(logit_bias={"999999": 1})
        self.assertEqual(caught.exception.param, "logit_bias")

    def test_one_model_is_found_by_its_id_and_answers_have_an_id(self):
        direct = worker.client()
        self.assertEqual(direct.models.retrieve(MODEL).id, MODEL)
        with self.assertRaises(openai.NotFoundError):
            direct.models.retrieve("other")
        answer = direct.chat.completions.create(model=MODEL, messages=CHAT, max_tokens=2)
        self.assertEqual(answer._request_id, answer.id)
        self.assertTrue(re.fullmatch(r"chatcmpl-[0-9a-f]{16}", answer.id))


def tokens_of(server, text):
    """Token ids of a text, as a worker cuts it."""
    answer = server.client().post(
        server.url + "/tokenize", body={"prompt": text, "add_special_tokens": False}, cast_to=object
    )
    return answer["tokens"]


def worker_tokens(text):
    return tokens_of(worker, text)


if __name__ == "__main__":
    unittest.main()
