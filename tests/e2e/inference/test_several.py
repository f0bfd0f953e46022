"""Several prompts in one request, and prompts that come back, through an unmodified client at worker and router."""

import unittest

import openai
import stack

PROMPTS = ["And the king said", [5, 6, 7], "In the beginning"]
COMMON = {"model": stack.MODEL_ID, "max_tokens": 6, "temperature": 0}


def setUpModule():
    global worker, gateway
    worker = stack.worker()
    gateway = stack.router([worker])


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()


class Several(unittest.TestCase):
    def test_each_prompt_is_answered_as_it_is_alone_whole_and_streamed(self):
        for server in (worker, gateway):
            client = server.client()
            alone = [client.completions.create(prompt=prompt, n=2, **COMMON) for prompt in PROMPTS]
            texts = [choice.text for answer in alone for choice in answer.choices]
            # Of both kinds in one list; the client's types know one kind alone.
            answer = client.completions.create(prompt=PROMPTS, n=2, **COMMON)
            self.assertEqual([choice.text for choice in answer.choices], texts)
            self.assertEqual([choice.index for choice in answer.choices], list(range(6)))
            self.assertEqual(answer.usage.prompt_tokens, sum(one.usage.prompt_tokens for one in alone))
            self.assertEqual(answer.usage.completion_tokens, sum(one.usage.completion_tokens for one in alone))
            parts, usage, ids = [""] * 6, [], set()
            options = {"stream": True, "stream_options": {"include_usage": True}}
            for chunk in client.completions.create(prompt=PROMPTS, n=2, **COMMON, **options):
                ids.add(chunk.id)
                usage += [chunk.usage] if chunk.usage else []
                for choice in chunk.choices:
                    parts[choice.index] += choice.text
            self.assertEqual(parts, texts)
            self.assertEqual((len(ids), len(usage)), (1, 1))
            self.assertEqual(usage[0].prompt_tokens, answer.usage.prompt_tokens)

    def test_an_echo_begins_with_its_prompt(self):
        for server in (worker, gateway):
            client = server.client()
            plain = client.completions.create(prompt=PROMPTS[0], **COMMON).choices[0].text
            echoed = client.completions.create(prompt=PROMPTS[0], echo=True, **COMMON).choices[0].text
            self.assertEqual(echoed, PROMPTS[0] + plain)
            stream = client.completions.create(prompt=PROMPTS[0], echo=True, stream=True, **COMMON)
            pieces = [chunk.choices[0].text for chunk in stream if chunk.choices]
            self.assertEqual((pieces[0], "".join(pieces)), (PROMPTS[0], PROMPTS[0] + plain))

    def test_what_cannot_be_had_is_named(self):
        client = worker.client()
        for more, param in (
            ({"suffix": "x"}, "suffix"),
            ({"best_of": 3}, "best_of"),
            ({"prompt": ["x"] * 129}, "prompt"),
            ({"prompt": ["x", [4_000_000]]}, "prompt"),
            ({"prompt": ["x", 5]}, "prompt"),
        ):
            with self.assertRaises(openai.BadRequestError) as refused:
                client.completions.create(**{"prompt": "x"} | COMMON | more)
            self.assertEqual(refused.exception.body["param"], param, more)


if __name__ == "__main__":
    unittest.main()
