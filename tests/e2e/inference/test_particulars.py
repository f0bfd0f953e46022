"""What a developer meets at the edges of the dialects, with OpenAI's own client and without any."""

import http.client
import json
import typing
import unittest
from urllib.parse import urlparse

import openai
import pydantic
import stack

MODEL = stack.MODEL_ID
CHAT = [{"role": "user", "content": "Who built the ark?"}]
END = {"0": 100}


class Cat(pydantic.BaseModel, extra="forbid"):
    kind: typing.Literal["cat"]
    lives: typing.Literal[7, 9]


class Dog(pydantic.BaseModel, extra="forbid"):
    kind: typing.Literal["dog"]
    tame: bool


class Pet(pydantic.BaseModel, extra="forbid"):
    pet: Cat | Dog = pydantic.Field(discriminator="kind")


def setUpModule():
    global worker, gateway
    worker = stack.worker()
    gateway = stack.router([worker])


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()


def raw(server, body, path="/v1/chat/completions", method="POST"):
    connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=stack.PATIENCE)
    try:
        connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class Particulars(unittest.TestCase):
    def refused(self, path, body, param, code="invalid_value"):
        body = body if isinstance(body, str) else json.dumps({"model": MODEL} | body)
        for server in (worker, gateway):
            status, answer = raw(server, body, path)
            self.assertEqual((status, answer["error"]["param"], answer["error"]["code"]), (400, param, code), answer)

    def test_what_is_there_twice_is_refused_by_its_path(self):
        chat = json.dumps(CHAT)
        for more, param in (('"seed": 1, "seed": 2', "seed"), ('"metadata": {"a": "1", "a": "2"}', "metadata.a")):
            self.refused("/v1/chat/completions", f'{{"model": "{MODEL}", "messages": {chat}, {more}}}', param)
        self.refused("/v1/responses", f'{{"model": "{MODEL}", "input": "a", "input": "b"}}', "input")

    def test_fields_within_parameters_are_refused_by_their_path(self):
        part = {"type": "text", "text": "a", "wizardry": 1}
        self.refused(
            "/v1/chat/completions", {"messages": [{"role": "user", "content": [part]}]},
            "messages[0].content[0].wizardry", "unknown_parameter",
        )
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
        said = {"role": "assistant", "content": None, "tool_calls": [call]}
        self.refused("/v1/chat/completions", {"messages": [*CHAT, said]}, "messages[1].tool_calls[0]")
        self.refused("/tokenize", {"prompt": 5}, "prompt")
        self.refused("/detokenize", {"tokens": "a"}, "tokens")

    def test_a_model_whose_id_is_no_text_is_not_found(self):
        for server in (worker, gateway):
            for method in ("GET", "DELETE"):
                status, answer = raw(server, None, "/v1/models/%ff", method)
                self.assertEqual((status, answer["error"]["code"]), (404, "unknown_url"))

    def test_log_probabilities_of_an_answer_without_a_token_are_an_empty_list(self):
        for server in (worker, gateway):
            client = server.client()
            common = {"model": MODEL, "logit_bias": END, "max_tokens": 5, "temperature": 0}
            choice = client.chat.completions.create(messages=CHAT, logprobs=True, **common).choices[0]
            self.assertEqual((choice.finish_reason, choice.message.content, choice.logprobs.content), ("stop", "", []))
            choice = client.completions.create(prompt="a", logprobs=1, **common).choices[0]
            self.assertEqual((choice.text, choice.logprobs.tokens), ("", []))
            choice = client.chat.completions.create(messages=CHAT, **common).choices[0]
            self.assertIsNone(choice.logprobs)

    def test_a_tagged_union_of_pydantics_is_held_to(self):
        for server in (worker, gateway):
            for seed in range(4):
                answer = server.client().chat.completions.parse(
                    model=MODEL, messages=CHAT, response_format=Pet, max_tokens=150, seed=seed
                )
                self.assertIsInstance(answer.choices[0].message.parsed, Pet)

    def test_an_answer_that_the_client_parsed_goes_back_as_it_is(self):
        for server in (worker, gateway):
            client = server.client()
            said = client.chat.completions.parse(model=MODEL, messages=CHAT, response_format=Pet, max_tokens=150, seed=1)
            messages = [*CHAT, said.choices[0].message, {"role": "user", "content": "And then?"}]
            answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=3)
            self.assertEqual(answer.usage.completion_tokens, 3)

    def test_a_keyword_that_cannot_be_kept_is_named_whatever_the_draft(self):
        for draft in ("http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"):
            for name, value in {"dependentRequired": {"a": ["b"]}, "if": {}, "x-guidance": {"lenient": True}}.items():
                schema = {"$schema": draft, "type": "object", "properties": {"a": {"type": "integer"}}, name: value}
                form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
                for server in (worker, gateway):
                    with self.assertRaises(openai.BadRequestError) as caught:
                        server.client().chat.completions.create(model=MODEL, messages=CHAT, response_format=form)
                    self.assertEqual(caught.exception.param, "response_format.json_schema.schema")
                    self.assertIn(name, caught.exception.message)


if __name__ == "__main__":
    unittest.main()
