"""Bad input gets a clear error in OpenAI's shape, and the server goes on."""

import http.client
import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlparse

import openai
import stack

MODEL = stack.MODEL_ID
CHAT = [{"role": "user", "content": "Who art thou?"}]


def setUpModule():
    global folder, worker, gateway, key
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    worker = stack.worker()
    gateway = stack.router([worker], keys=keys)


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def raw(server, body, path="/v1/chat/completions", method="POST"):
    """Status and parsed body of a request that no client library would send."""
    connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=stack.PATIENCE)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class BadInput(unittest.TestCase):
    def both(self):
        return (gateway.client(key), worker.client())

    def refused(self, error, code, param, **request):
        for client in self.both():
            arguments = {"model": MODEL, "messages": CHAT} | request
            with self.assertRaises(error) as caught:
                client.chat.completions.create(**arguments)
            self.assertEqual(caught.exception.code, code)
            self.assertEqual(caught.exception.param, param)

    def test_an_unknown_model(self):
        self.refused(openai.NotFoundError, "model_not_found", "model", model="gpt-4o")

    def test_a_prompt_over_the_context(self):
        long = [{"role": "user", "content": "word " * 2000}]
        self.refused(openai.BadRequestError, "context_length_exceeded", "messages", messages=long)
        self.refused(openai.BadRequestError, "context_length_exceeded", "messages", max_tokens=100_000_000)

    def test_absurd_parameters(self):
        for name, value in {"temperature": -1, "top_p": 7, "max_tokens": 0, "stop": ["a"] * 17}.items():
            self.refused(openai.BadRequestError, "invalid_value", name, **{name: value})

    def test_parameters_that_are_not_supported_are_not_dropped(self):
        for name, value in {"store": True, "service_tier": "flex", "modalities": ["audio"], "verbosity": "low"}.items():
            self.refused(openai.BadRequestError, "unsupported_parameter", name, **{name: value})
        self.refused(openai.BadRequestError, "unknown_parameter", "wizardry", extra_body={"wizardry": 1})

    def test_broken_bodies(self):
        for server in (gateway, worker):
            for body in (b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"model": 5}'):
                status, answer = raw(server, body)
                self.assertEqual(status, 400)
                self.assertEqual(answer["error"]["type"], "invalid_request_error")

    def test_an_oversized_body(self):
        for server in (gateway, worker):
            status, answer = raw(server, b'{"model": "' + b"x" * (5 << 20) + b'"}')
            self.assertEqual((status, answer["error"]["code"]), (413, "request_too_large"))

    def test_an_unknown_address_or_method(self):
        for server in (gateway, worker):
            self.assertEqual(raw(server, None, "/v1/wizardry", "GET")[0], 404)
            status, answer = raw(server, None, "/v1/completions", "GET")
            self.assertEqual((status, answer["error"]["code"]), (405, "method_not_supported"))

    def test_a_wrong_key(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            gateway.client("qk-wrong").chat.completions.create(model=MODEL, messages=CHAT)
        self.assertEqual(caught.exception.code, "invalid_api_key")
        with self.assertRaises(openai.AuthenticationError):
            gateway.client("qk-wrong").models.list()

    def test_after_all_that_the_server_still_answers_and_logged_no_prompt(self):
        for client in self.both():
            secret = "a-phrase-that-must-not-be-logged"
            messages = [{"role": "user", "content": secret}]
            client.chat.completions.create(model=MODEL, messages=messages, max_tokens=5)
            with self.assertRaises(openai.BadRequestError):
                client.chat.completions.create(model=MODEL, messages=messages, max_tokens=-1)
        for server in (gateway, worker):
            self.assertNotIn("a-phrase", server.read_log())


class WrongModelFiles(unittest.TestCase):
    def command(self, *args):
        return subprocess.run(
            [stack.BINARIES / "quern-worker", *args], capture_output=True, text=True, timeout=stack.PATIENCE
        )

    def test_each_is_named_and_the_exit_code_says_so(self):
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            with tempfile.TemporaryDirectory() as empty:
                for file in stack.MODEL.iterdir():
                    if file.is_file():
                        data = file.read_bytes()
                        Path(empty, file.name).write_bytes(data[: len(data) // 2] if file.name == name else data)
                for command in ("serve", "run"):
                    extra = ["--listen", "127.0.0.1:0"] if command == "serve" else ["--prompt", "x"]
                    result = self.command(command, "--model", empty, *extra)
                    self.assertEqual(result.returncode, 1)
                    self.assertIn(name, result.stderr)
                    Path(empty, name).rename(Path(empty, "gone"))
                    result = self.command(command, "--model", empty, *extra)
                    self.assertEqual(result.returncode, 1)
                    self.assertIn(name, result.stderr)
                    Path(empty, "gone").rename(Path(empty, name))


if __name__ == "__main__":
    unittest.main()
