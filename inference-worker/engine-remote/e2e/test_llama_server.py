"""The same weights at llama.cpp's own server, attached: what it tells of itself, and what it is asked in its own words.

QUERN_LLAMA_SERVER names its program; without it set-up's is taken, which scripts/setup/inference-llama-server.sh builds.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import openai

from test_llama_cpp import HERE, MODEL, ROOT, WORKER, Program, check, free_port, get

SERVER = Path(os.environ.get("QUERN_LLAMA_SERVER") or ROOT / ".deps/bin/llama-server")
CONTEXT = 512


def engine(gguf, port):
    program = Program(
        SERVER, "--model", gguf, "--alias", "quern-small", "--ctx-size", 2 * CONTEXT, "--parallel", 2, "--threads", 1,
        "--host", "127.0.0.1", "--port", port, "--jinja", "--offline",
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(url + "/health", timeout=2).close()
            return program, url
        except OSError:
            time.sleep(0.1)
    said = Path(program.log.name).read_text()
    program.stop()
    raise RuntimeError("the engine did not start: " + said)


class LlamaServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.gguf = Path(cls.folder.name) / "model.gguf"
        subprocess.check_call([sys.executable, HERE / "to_gguf.py", MODEL, cls.gguf])
        cls.engine, cls.engine_url = engine(cls.gguf, free_port())
        # no --context, no --tokenizer: it tells both
        command = (WORKER, "attach", "--engine", cls.engine_url, "--slots", 2, "--listen", "127.0.0.1:0")
        cls.worker = Program(*command)
        cls.url = cls.worker.process.stdout.readline().split()[-1]
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="unused", max_retries=0, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.worker.stop()
        cls.engine.stop()
        cls.folder.cleanup()

    def test_what_the_engine_can_do_was_found_out(self):
        health = get(self.url + "/health")
        seen = health["engine"]
        self.assertEqual((seen["kind"], seen["context"], seen["token_ids"]), ("llama-cpp", CONTEXT, "native"))
        self.assertEqual(health["trust_tier"], "logprob")
        for name in (
            "chat", "completions", "streaming", "usage", "stream_usage", "logprobs", "seed", "stop", "choices", "top_k",
            "min_p", "logit_bias", "json_object", "json_schema",
        ):
            self.assertTrue(seen[name], name)
        # The packaged model's template knows no tools, so the server forces none.
        self.assertFalse(seen["tools"])

    def test_greedy_text_is_that_of_our_own_engine_whole_and_streamed(self):
        prompt = "And God said, Let there be"
        run = [WORKER, "run", "--model", MODEL, "--threads", "1", "--prompt", prompt, "--temperature", "0", "--max-tokens", "48"]
        own = subprocess.check_output([str(part) for part in run], text=True, stderr=subprocess.DEVNULL)
        ask = {"model": "quern-small", "prompt": prompt, "temperature": 0, "max_tokens": 48}
        self.assertEqual(self.client.completions.create(**ask).choices[0].text.strip(), own.strip())
        chunks = list(self.client.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
        self.assertEqual("".join(chunk.choices[0].text for chunk in chunks if chunk.choices).strip(), own.strip())
        # its own count, token for token
        self.assertEqual(chunks[-1].usage.completion_tokens, 48)

    def test_log_probabilities_name_their_tokens(self):
        told = self.client.chat.completions.create(
            model="quern-small", messages=[{"role": "user", "content": "In the beginning"}], max_tokens=8, logprobs=True,
            top_logprobs=3, temperature=0,
        )
        content = told.choices[0].logprobs.content
        self.assertEqual(len(content), told.usage.completion_tokens)
        self.assertEqual("".join(each.token for each in content), told.choices[0].message.content)
        for each in content:
            self.assertEqual((len(each.top_logprobs), each.top_logprobs[0].token), (3, each.token))

    def test_a_schema_is_held(self):
        schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
        asked = {"type": "json_schema", "json_schema": {"name": "one", "strict": True, "schema": schema}}
        ended = 0
        for seed in range(8):
            told = self.client.chat.completions.create(
                model="quern-small", messages=[{"role": "user", "content": "Hi"}], max_tokens=200, seed=seed,
                response_format=asked,
            ).choices[0]
            if told.finish_reason == "stop":
                ended += 1
                self.assertIn(json.loads(told.message.content), ({"n": 1}, {"n": 2}))
        self.assertGreater(ended, 0)

    def test_what_it_does_not_honour_is_refused(self):
        tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
        for more in ({"tools": [tool], "tool_choice": "required"}, {"extra_body": {"guided_regex": "a+"}}):
            with self.subTest(more):
                with self.assertRaises(openai.BadRequestError) as refused:
                    self.client.chat.completions.create(
                        model="quern-small", messages=[{"role": "user", "content": "Hi"}], **more
                    )
                self.assertIn(refused.exception.body["param"], more.get("extra_body", more))

    def test_the_same_weights_are_consistent(self):
        code, seen, error = check(self.engine_url)
        self.assertEqual(code, 0, error)
        self.assertGreater(seen["positions"], 500)
        self.assertLess(seen["logprob_mean_difference"], 0.01)


if __name__ == "__main__":
    unittest.main()
