"""Responses and Messages, as OpenAI's and Anthropic's own clients speak them."""

import http.client
import json
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request

import anthropic
import openai
import pydantic
import stack

MODEL = stack.MODEL_ID
CHAT = [{"role": "user", "content": "Who built the ark, and why?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Ur", "Tyre"]}},
    "required": ["city"],
    "additionalProperties": False,
}


VALIDATOR = stack.ROOT / ".deps/clients/bin/openapi-spec-validator"


class City(pydantic.BaseModel):
    city: str = pydantic.Field(max_length=6)
    old: bool


def setUpModule():
    global folder, key, worker, gateway, client, theirs
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    worker = stack.worker()
    gateway = stack.router([worker], keys=keys)
    client = gateway.client(key)
    theirs = [
        anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0),
        anthropic.Anthropic(base_url=worker.url, api_key="unused", max_retries=0),
    ]


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def chat(**request):
    return client.chat.completions.create(model=MODEL, seed=5, **request)


class Responses(unittest.TestCase):
    def test_a_response_says_what_the_chat_would(self):
        request = {"input": "Who built the ark?", "instructions": "Be brief.", "max_output_tokens": 12}
        answer = client.responses.create(model=MODEL, extra_body={"seed": 5}, **request)
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who built the ark?"}]
        same = chat(messages=messages, max_tokens=12)
        self.assertEqual(answer.output_text, same.choices[0].message.content)
        self.assertEqual(answer.usage.input_tokens, same.usage.prompt_tokens)
        self.assertEqual(answer.usage.output_tokens, same.usage.completion_tokens)
        cut = same.choices[0].finish_reason == "length"
        self.assertEqual(answer.status, "incomplete" if cut else "completed")
        self.assertIs(answer.store, False)

    def test_a_stream_brings_the_same_text_and_ends_with_the_whole_response(self):
        request = {"model": MODEL, "input": CHAT, "max_output_tokens": 20, "extra_body": {"seed": 5}}
        whole = client.responses.create(**request)
        pieces, kinds = [], []
        for event in client.responses.create(stream=True, **request):
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
            self.assertEqual(event.sequence_number, len(kinds) - 1)
        self.assertEqual("".join(pieces), whole.output_text)
        self.assertEqual(kinds[:2], ["response.created", "response.in_progress"])
        self.assertEqual(event.response.output_text, whole.output_text)
        self.assertEqual(event.response.usage.output_tokens, whole.usage.output_tokens)
        # The client's own helper takes an answer that was cut for none; one of this schema ends by itself.
        with client.responses.stream(model=MODEL, input=CHAT, text_format=City, max_output_tokens=200) as stream:
            for _ in stream:
                pass
            self.assertIsInstance(stream.get_final_response().output_parsed, City)

    def test_structured_outputs_are_parsed(self):
        answer = client.responses.parse(model=MODEL, input=CHAT, text_format=City, max_output_tokens=200)
        self.assertIsInstance(answer.output_parsed, City)

    def test_a_forced_call_and_its_result_make_a_round(self):
        tool = {"type": "function", "name": "look", "parameters": SCHEMA, "strict": True}
        for stream in (False, True):
            answer = client.responses.create(
                model=MODEL, input=CHAT, tools=[tool], tool_choice="required", max_output_tokens=200, stream=stream,
                # Without one an answer may reach its bound before the call is whole.
                extra_body={"seed": 5},
            )
            if stream:
                answer = list(answer)[-1].response
            call = answer.output[-1]
            self.assertEqual((call.type, call.name), ("function_call", "look"))
            self.assertIn(json.loads(call.arguments)["city"], ("Ur", "Tyre"))

    def test_what_would_need_a_store_is_refused_by_name(self):
        for change, code, param in (
            ({"previous_response_id": "resp_1"}, "unsupported_parameter", "previous_response_id"),
            ({"store": True}, "unsupported_parameter", "store"),
            ({"max_output_tokens": 100_000_000}, "context_length_exceeded", "input"),
            ({"temperature": 9}, "invalid_value", "temperature"),
            ({"tools": [{"type": "web_search"}]}, "unsupported_parameter", "tools[0].type"),
            ({"extra_body": {"wizardry": 1}}, "unknown_parameter", "wizardry"),
        ):
            for source in (client, worker.client()):
                with self.assertRaises(openai.BadRequestError) as caught:
                    source.responses.create(**({"model": MODEL, "input": "x"} | change))
                self.assertEqual((caught.exception.code, caught.exception.param), (code, param))


class Messages(unittest.TestCase):
    def test_a_message_says_what_the_chat_would(self):
        messages = [{"role": "system", "content": "Be brief."}, *CHAT]
        same = chat(messages=messages, max_tokens=12)
        for source in theirs:
            answer = source.messages.create(
                model=MODEL, max_tokens=12, system="Be brief.", messages=CHAT, extra_body={"seed": 5}
            )
            self.assertEqual(answer.content[0].text, same.choices[0].message.content)
            usage = answer.usage
            self.assertEqual(usage.input_tokens + usage.cache_read_input_tokens, same.usage.prompt_tokens)
            reason = {"length": "max_tokens", "stop": "end_turn"}[same.choices[0].finish_reason]
            self.assertEqual(answer.stop_reason, reason)
            self.assertTrue(answer._request_id)

    def test_a_stream_brings_the_same_text(self):
        request = {"model": MODEL, "max_tokens": 20, "messages": CHAT, "extra_body": {"seed": 5}}
        for source in theirs:
            whole = source.messages.create(**request)
            with source.messages.stream(**request) as stream:
                text = "".join(stream.text_stream)
                final = stream.get_final_message()
            self.assertEqual(text, whole.content[0].text)
            self.assertEqual(final.content[0].text, text)
            self.assertEqual(final.stop_reason, whole.stop_reason)
            self.assertEqual(final.usage.output_tokens, whole.usage.output_tokens)

    def test_a_stream_says_at_its_beginning_how_long_the_prompt_is(self):
        for source in theirs:
            counted = source.messages.count_tokens(model=MODEL, messages=CHAT).input_tokens
            for _ in range(2):
                events = list(source.messages.create(model=MODEL, max_tokens=5, messages=CHAT, stream=True))
                self.assertEqual(events[0].type, "message_start")
                self.assertEqual(events[0].message.usage.input_tokens, counted)
                last = next(event for event in events if event.type == "message_delta").usage
                self.assertEqual(last.input_tokens + last.cache_read_input_tokens, counted)

    def test_as_many_stop_sequences_as_an_agent_sends_are_taken(self):
        stops = [f"</{name}>" for name in "abcdefghijklmnop"]
        request = {"model": MODEL, "max_tokens": 5, "messages": CHAT}
        for source in theirs:
            self.assertTrue(source.messages.create(stop_sequences=stops, **request).content)
            with self.assertRaises(anthropic.BadRequestError) as caught:
                source.messages.create(stop_sequences=[*stops, "q"], **request)
            self.assertEqual(caught.exception.body["error"]["param"], "stop_sequences")

    def test_the_stop_sequence_that_ended_the_text_is_named(self):
        full = theirs[0].messages.create(
            model=MODEL, max_tokens=40, messages=CHAT, extra_body={"temperature": 0}
        ).content[0].text
        stop = full[6:12]
        for stream in (False, True):
            request = {"model": MODEL, "max_tokens": 40, "messages": CHAT, "extra_body": {"temperature": 0}}
            request["stop_sequences"] = ["\x00never", stop]
            if stream:
                with theirs[0].messages.stream(**request) as events:
                    answer = events.get_final_message()
            else:
                answer = theirs[0].messages.create(**request)
            self.assertEqual((answer.stop_reason, answer.stop_sequence), ("stop_sequence", stop))
            self.assertEqual(answer.content[0].text, full[: full.index(stop)])

    def test_a_forced_call_has_valid_input_whole_and_streamed(self):
        tool = {"name": "look", "description": "Looks.", "input_schema": SCHEMA}
        request = {"model": MODEL, "max_tokens": 200, "messages": CHAT, "tools": [tool]}
        request["tool_choice"] = {"type": "tool", "name": "look"}
        for source in theirs:
            answer = source.messages.create(**request)
            with source.messages.stream(**request) as stream:
                streamed = stream.get_final_message()
            for message in (answer, streamed):
                self.assertEqual(message.stop_reason, "tool_use")
                self.assertEqual(message.content[-1].type, "tool_use")
                self.assertIn(message.content[-1].input["city"], ("Ur", "Tyre"))

    def test_counting_tells_how_long_the_prompt_is(self):
        for source in theirs:
            counted = source.messages.count_tokens(model=MODEL, messages=CHAT, system="Be brief.")
            answer = source.messages.create(model=MODEL, max_tokens=1, messages=CHAT, system="Be brief.")
            usage = answer.usage
            self.assertEqual(counted.input_tokens, usage.input_tokens + usage.cache_read_input_tokens)

    def test_errors_are_anthropics_and_name_the_parameter(self):
        thinking = {"type": "enabled", "budget_tokens": 1024}
        for source in theirs:
            for change, name in (
                ({"thinking": thinking, "max_tokens": 2000}, "thinking"),
                ({"extra_body": {"temperature": 9}}, "temperature"),
            ):
                with self.assertRaises(anthropic.BadRequestError) as caught:
                    source.messages.create(**({"model": MODEL, "max_tokens": 9, "messages": CHAT} | change))
                error = caught.exception.body["error"]
                self.assertEqual((error["type"], error["param"]), ("invalid_request_error", name))
                self.assertIn(name, error["message"])
            with self.assertRaises(anthropic.NotFoundError):
                source.messages.create(model="claude-9", max_tokens=9, messages=CHAT)
        wrong = anthropic.Anthropic(base_url=gateway.url, api_key="qk-wrong", max_retries=0)
        with self.assertRaises(anthropic.AuthenticationError):
            wrong.messages.create(model=MODEL, max_tokens=9, messages=CHAT)


class Rates(unittest.TestCase):
    def test_a_key_whose_rate_is_used_up_is_told_when_to_come_back(self):
        with tempfile.TemporaryDirectory() as other:
            key, keys = stack.new_key(other)
            keys.write_text(keys.read_text().rstrip() + " rpm=1\n")
            limited = stack.router([worker], keys=keys)
            try:
                client = limited.client(key)
                client.completions.create(model=MODEL, prompt="x", max_tokens=1)
                with self.assertRaises(openai.RateLimitError) as caught:
                    client.completions.create(model=MODEL, prompt="x", max_tokens=1)
                self.assertIn(int(caught.exception.response.headers["retry-after"]), range(1, 61))
                self.assertTrue(caught.exception.request_id)
                # Reading costs nothing.
                self.assertEqual(client.models.list().data[0].id, MODEL)
            finally:
                limited.stop()
                limited.discard()


class Browsers(unittest.TestCase):
    """What a browser asks before it lets a page use `dangerouslyAllowBrowser`, and looks for in each answer."""

    PAGE = "https://app.example"

    def ask(self, server, method, path, prompt="x", **headers):
        url = urllib.parse.urlparse(server.url)
        connection = http.client.HTTPConnection(url.netloc, timeout=stack.PATIENCE)
        try:
            body = json.dumps({"model": MODEL, "prompt": prompt, "max_tokens": 1}) if method == "POST" else None
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if body:
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()

    def preflight(self, server, origin):
        return self.ask(
            server, "OPTIONS", "/v1/completions", Origin=origin, Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="authorization,content-type,x-stainless-os",
        )

    def test_a_page_of_a_listed_origin_may_and_no_other(self):
        with tempfile.TemporaryDirectory() as other:
            key, keys = stack.new_key(other)
            open_worker = stack.worker(allow_origin=self.PAGE)
            open_router = stack.router([open_worker], keys=keys, **{"allow-origin": self.PAGE})
            try:
                for server in (open_worker, open_router):
                    answer = self.preflight(server, self.PAGE)
                    self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (204, self.PAGE))
                    self.assertEqual(
                        answer.headers["access-control-allow-headers"], "authorization,content-type,x-stainless-os"
                    )
                    self.assertIn("POST", answer.headers["access-control-allow-methods"])
                    answer = self.ask(server, "POST", "/v1/completions", Origin=self.PAGE, Authorization=f"Bearer {key}")
                    self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (200, self.PAGE))
                    self.assertIn("x-request-id", answer.headers["access-control-expose-headers"])
                    self.assertEqual(answer.headers["vary"], "origin")
                    for answer in (
                        self.preflight(server, "https://evil.example"),
                        self.ask(server, "GET", "/v1/models", Origin="https://evil.example"),
                        self.ask(server, "GET", "/v1/models", Authorization=f"Bearer {key}"),
                    ):
                        self.assertIsNone(answer.headers["access-control-allow-origin"])
                    # What a browser sends for a page without asking first is not read.
                    plain = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
                    self.assertEqual(self.ask(server, "POST", "/v1/completions", **plain).status, 415)
                    # A long one is heard to its end: the refusal would be lost with the connection.
                    zipped = {"Content-Encoding": "gzip", "prompt": "x" * 3_000_000}
                    for _ in range(5):
                        self.assertEqual(self.ask(server, "POST", "/v1/completions", **zipped).status, 415)
                # A page reads why it was refused, too.
                answer = self.ask(open_router, "POST", "/v1/completions", Origin=self.PAGE)
                self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (401, self.PAGE))
            finally:
                for server in (open_router, open_worker):
                    server.stop()
                    server.discard()

    def test_no_page_may_where_none_was_allowed(self):
        for server in (gateway, worker):
            answer = self.preflight(server, self.PAGE)
            self.assertGreaterEqual(answer.status, 400)
            self.assertIsNone(answer.headers["access-control-allow-origin"])


class Page(unittest.TestCase):
    def test_router_and_worker_describe_what_they_answer(self):
        for server in (gateway, worker):
            paths = json.loads(server.get("/openapi.json"))["paths"]
            for path in ("/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/tokenize"):
                self.assertIn(path, paths)
            # The validator that the chain's own page is held to.
            subprocess.run([VALIDATOR, "-"], input=server.get("/openapi.json"), text=True, check=True, capture_output=True)
        request = urllib.request.Request(
            gateway.url + "/tokenize",
            data=json.dumps({"model": MODEL, "messages": CHAT}).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=stack.PATIENCE) as response:
            self.assertGreater(json.load(response)["count"], 5)
            self.assertTrue(response.headers["x-request-id"])


if __name__ == "__main__":
    unittest.main()
