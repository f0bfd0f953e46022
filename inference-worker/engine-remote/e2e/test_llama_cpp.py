"""The same weights at llama.cpp, attached: the worker's dialect over it, and its log-probabilities against ours."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import openai

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
# QUERN_BINARIES names another folder of them, as when a build goes on beside the tests.
WORKER = Path(os.environ.get("QUERN_BINARIES") or ROOT / "inference-worker/target/debug") / "quern-worker"
ROUTER = WORKER.with_name("quern-router")
MODEL = ROOT / "models/quern-small"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Program:
    def __init__(self, *command):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        parts = [str(part) for part in command]
        self.process = subprocess.Popen(parts, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()
        self.log.close()


def engine(gguf, port, logits="true"):
    program = Program(
        sys.executable, "-m", "llama_cpp.server", "--model", gguf, "--model_alias", "quern-small", "--n_ctx", 512,
        "--n_threads", 1, "--logits_all", logits, "--interrupt_requests", "false", "--host", "127.0.0.1",
        "--port", port, "--verbose", "false",
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(url + "/v1/models", timeout=2).close()
            return program, url
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the engine did not start: " + Path(program.log.name).read_text())


def attach(url, *flags):
    program = Program(WORKER, "attach", "--engine", url, "--context", 512, "--slots", 1, "--listen", "127.0.0.1:0", *flags)
    match = re.fullmatch(r"listening on (http://\S+)\n", program.process.stdout.readline())
    if not match:
        raise RuntimeError(Path(program.log.name).read_text())
    return program, match[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def check(url, *flags):
    command = [WORKER, "check-remote", "--model", MODEL, "--threads", 1, "--engine", url, "--json", *flags]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class LlamaCpp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.gguf = Path(cls.folder.name) / "model.gguf"
        subprocess.check_call([sys.executable, HERE / "to_gguf.py", MODEL, cls.gguf])
        cls.engine, cls.engine_url = engine(cls.gguf, free_port())
        cls.worker, cls.url = attach(cls.engine_url, "--tokenizer", MODEL)
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="unused", max_retries=0, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.worker.stop()
        cls.engine.stop()
        cls.folder.cleanup()

    def test_what_the_engine_can_do_was_found_out(self):
        health = get(self.url + "/health")
        seen = health["engine"]
        self.assertEqual(seen["kind"], "llama-cpp-python")
        self.assertEqual(health["trust_tier"], "logprob")
        self.assertEqual(seen["token_ids"], "pieces")
        for name in ("chat", "completions", "streaming", "usage", "logprobs", "seed", "stop", "top_k", "min_p", "tools", "json_object", "json_schema"):
            self.assertTrue(seen[name], name)
        # It ignores n and does not count streams.
        self.assertFalse(seen["choices"])
        self.assertFalse(seen["stream_usage"])
        model = self.client.models.retrieve("quern-small")
        self.assertEqual((model.trust_tier, model.context_length), ("logprob", 512))

    def test_greedy_text_is_that_of_our_own_engine(self):
        prompt = "And God said, Let there be"
        run = [WORKER, "run", "--model", MODEL, "--threads", "1", "--prompt", prompt, "--temperature", "0", "--max-tokens", "48"]
        own = subprocess.check_output([str(part) for part in run], text=True, stderr=subprocess.DEVNULL)
        remote = self.client.completions.create(model="quern-small", prompt=prompt, temperature=0, max_tokens=48)
        self.assertEqual(remote.choices[0].text.strip(), own.strip())

    def test_streams_are_whole_and_counted(self):
        ask = {"model": "quern-small", "messages": [{"role": "user", "content": "In the beginning"}], "seed": 7, "max_tokens": 24}
        whole = self.client.chat.completions.create(**ask)
        chunks = list(self.client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(chunks[-1].usage.prompt_tokens, whole.usage.prompt_tokens)
        # Text that is tokenised again may have other tokens than were drawn.
        self.assertAlmostEqual(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens, delta=3)

    def test_what_it_does_not_honour_is_refused(self):
        for more in ({"echo": True}, {"extra_body": {"guided_regex": "a+"}}):
            with self.subTest(more):
                with self.assertRaises(openai.BadRequestError) as refused:
                    self.client.completions.create(model="quern-small", prompt="a", **more)
                self.assertIn(refused.exception.body["param"], more.get("extra_body", more))

    def test_choices_that_it_does_not_give_are_asked_one_by_one(self):
        told = self.client.completions.create(model="quern-small", prompt="a", n=2, seed=5, max_tokens=8)
        self.assertEqual([choice.index for choice in told.choices], [0, 1])
        alone = self.client.completions.create(model="quern-small", prompt="a", seed=6, max_tokens=8)
        self.assertEqual(told.choices[1].text, alone.choices[0].text)

    def test_the_same_weights_are_consistent_and_others_are_not(self):
        code, seen, error = check(self.engine_url)
        self.assertEqual(code, 0, error)
        self.assertGreater(seen["positions"], 500)
        self.assertLess(seen["logprob_mean_difference"], 0.01)
        # Its words are compared with draws at another temperature than they were drawn at.
        for temperature in ("0.5", "1.6"):
            code, seen, error = check(self.url_with_temperature(temperature))
            self.assertEqual(code, 1, seen)
            self.assertIn("not draws from this model", error)

    def url_with_temperature(self, temperature):
        """A proxy that lies: it draws at another temperature than it is asked for."""
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        from threading import Thread

        engine_url = self.engine_url

        class Lies(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def forward(self, body=None):
                if body is not None:
                    asked = json.loads(body)
                    if asked.get("temperature") == 1.0:
                        asked["temperature"] = float(temperature)
                    body = json.dumps(asked).encode()
                question = urllib.request.Request(engine_url + self.path, body, {"content-type": "application/json"})
                try:
                    with urllib.request.urlopen(question, timeout=60) as answer:
                        status, data = answer.status, answer.read()
                except urllib.error.HTTPError as refused:
                    status, data = refused.code, refused.read()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                self.forward()

            def do_POST(self):
                self.forward(self.rfile.read(int(self.headers["content-length"])))

        server = ThreadingHTTPServer(("127.0.0.1", 0), Lies)
        Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def test_an_engine_that_falls_and_returns_with_less_loses_its_tier(self):
        port = free_port()
        first, url = engine(self.gguf, port)
        worker, attached = attach(url, "--tokenizer", MODEL, "--look", 1)
        try:
            self.assertEqual(get(attached + "/health")["trust_tier"], "logprob")
            first.stop()
            self.until(lambda: self.status(attached) == 503)
            second, _ = engine(self.gguf, port, logits="false")
            try:
                self.until(lambda: self.status(attached) == 200)
                self.assertEqual(get(attached + "/health")["trust_tier"], "unaudited")
            finally:
                second.stop()
        finally:
            worker.stop()

    def test_a_router_serves_it_as_any_worker(self):
        router = Program(ROUTER, "serve", "--listen", "127.0.0.1:0", "--worker", self.url, "--open")
        try:
            url = router.process.stdout.readline().split()[-1]
            client = openai.OpenAI(base_url=url + "/v1", api_key="unused", max_retries=20, timeout=60)
            self.until(lambda: [model.id for model in client.models.list()] == ["quern-small"])
            ask = {"model": "quern-small", "prompt": "In the beginning", "temperature": 0, "max_tokens": 12}
            text = client.completions.create(**ask).choices[0].text
            streamed = "".join(chunk.choices[0].text for chunk in client.completions.create(**ask, stream=True))
            self.assertEqual(streamed, text)
        finally:
            router.stop()

    def test_pay_is_refused_with_the_reason(self):
        command = [WORKER, "attach", "--engine", self.engine_url, "--chain", "chain.json"]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        for words in ("cannot serve for pay", "seeded sampler", "quern-worker serve"):
            self.assertIn(words, done.stderr)

    @staticmethod
    def status(url):
        try:
            urllib.request.urlopen(url + "/health", timeout=5).close()
            return 200
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def until(self, holds, seconds=60):
        deadline = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), deadline, "never came")
            time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()
