"""Answers through router and worker, streamed and whole, as the `openai` client sees them."""

import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import stack

MODEL = stack.MODEL_ID
CHAT = [{"role": "user", "content": "Who built the ark, and why?"}]


def setUpModule():
    global folder, workers, gateway, client, direct
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    workers = [stack.worker(), stack.worker()]
    gateway = stack.router(workers, keys=keys)
    client = gateway.client(key)
    direct = workers[0].client()


def tearDownModule():
    for server in [gateway, *workers]:
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def streamed(source, **request):
    """Text, finish reason, usage and pieces of a streamed chat."""
    pieces, finish, usage = [], None, None
    for chunk in source.chat.completions.create(model=MODEL, stream=True, **request):
        if chunk.usage:
            usage = chunk.usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    return "".join(pieces), finish, usage, pieces


class Answers(unittest.TestCase):
    def test_a_chat_has_text_finish_reason_and_usage(self):
        answer = client.chat.completions.create(model=MODEL, messages=CHAT, max_tokens=12, seed=1)
        choice = answer.choices[0]
        self.assertEqual(choice.message.role, "assistant")
        self.assertTrue(choice.message.content)
        self.assertIn(choice.finish_reason, ("length", "stop"))
        self.assertLessEqual(answer.usage.completion_tokens, 12)
        self.assertEqual(
            answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens
        )
        self.assertEqual(answer.object, "chat.completion")

    def test_a_stream_brings_the_same_text_in_pieces(self):
        for source in (client, direct):
            request = {"messages": CHAT, "max_completion_tokens": 40, "seed": 2, "temperature": 0.8}
            whole = source.chat.completions.create(model=MODEL, **request)
            text, finish, usage, pieces = streamed(source, **request)
            self.assertEqual(text, whole.choices[0].message.content)
            self.assertEqual(finish, whole.choices[0].finish_reason)
            self.assertIsNone(usage)
            self.assertGreater(len(pieces), 5)

    def test_stream_options_bring_usage_in_the_last_chunk(self):
        request = {"messages": CHAT, "max_tokens": 9, "seed": 3}
        _, _, usage, _ = streamed(client, stream_options={"include_usage": True}, **request)
        whole = client.chat.completions.create(model=MODEL, **request)
        self.assertEqual(usage.completion_tokens, whole.usage.completion_tokens)
        self.assertEqual(usage.prompt_tokens, whole.usage.prompt_tokens)

    def test_completions_take_text_or_tokens_and_default_to_16_tokens(self):
        text = client.completions.create(model=MODEL, prompt="In the beginning", seed=4)
        self.assertLessEqual(text.usage.completion_tokens, 16)
        self.assertTrue(text.choices[0].text)
        tokens = client.completions.create(model=MODEL, prompt=[5, 6, 7], max_tokens=3)
        self.assertEqual(tokens.usage.prompt_tokens, 3)
        pieces = client.completions.create(model=MODEL, prompt="In the beginning", seed=4, stream=True)
        joined = "".join(chunk.choices[0].text for chunk in pieces)
        self.assertEqual(joined, text.choices[0].text)

    def test_a_stop_string_ends_the_text_before_it_even_across_tokens(self):
        request = {"model": MODEL, "prompt": "And it came to pass", "max_tokens": 60, "temperature": 0}
        full = client.completions.create(**request).choices[0].text
        for start, length in ((8, 7), (11, 2), (5, 12)):
            stop = full[start : start + length]
            expected = full[: full.index(stop)]
            answer = client.completions.create(stop=[stop, "\x00never"], **request)
            self.assertEqual(answer.choices[0].text, expected)
            self.assertEqual(answer.choices[0].finish_reason, "stop")
            chunks = client.completions.create(stop=stop, stream=True, **request)
            self.assertEqual("".join(chunk.choices[0].text for chunk in chunks), expected)

    def test_max_tokens_ends_with_length(self):
        answer = client.completions.create(model=MODEL, prompt="And", max_tokens=3, temperature=0)
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertEqual(answer.usage.completion_tokens, 3)

    def test_the_same_seed_repeats_and_another_does_not(self):
        def text(seed):
            answer = client.chat.completions.create(model=MODEL, messages=CHAT, max_tokens=40, seed=seed)
            return answer.choices[0].message.content

        self.assertEqual(text(7), text(7))
        self.assertEqual(len({text(seed) for seed in range(8, 14)}), 6)
        self.assertNotEqual(text(None), text(None))

    def test_a_seeded_answer_does_not_depend_on_who_else_is_served(self):
        def text(seed):
            request = {"messages": CHAT, "max_tokens": 48, "seed": seed, "top_p": 0.95}
            return direct.chat.completions.create(model=MODEL, **request).choices[0].message.content

        alone = [text(seed) for seed in range(8)]
        with ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(text, range(8))), alone)

    def test_streams_run_in_parallel(self):
        with ThreadPoolExecutor(16) as pool:
            requests = [
                pool.submit(streamed, client, messages=CHAT, max_tokens=30, seed=i) for i in range(16)
            ]
            self.assertTrue(all(request.result()[1] in ("length", "stop") for request in requests))

    def test_text_of_many_bytes_per_character_arrives_whole(self):
        for seed in range(4):
            text, _, _, pieces = streamed(
                client, messages=CHAT, max_tokens=60, seed=seed, temperature=2.0
            )
            whole = client.chat.completions.create(
                model=MODEL, messages=CHAT, max_tokens=60, seed=seed, temperature=2.0
            )
            self.assertEqual(text, whole.choices[0].message.content)

    def test_models_are_listed(self):
        listed = client.models.list().data
        self.assertEqual([model.id for model in listed], [MODEL])
        self.assertEqual(listed[0].object, "model")


if __name__ == "__main__":
    unittest.main()
