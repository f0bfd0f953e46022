"""Conversations that go back to their worker, and requests that have only so much time."""

import tempfile
import unittest

import openai
import stack

FIRST = "In the beginning there were many words, and each was written down with care, one after the other. " * 3


class Turns(unittest.TestCase):
    def start(self, server):
        self.addCleanup(server.discard)
        return server

    def chat(self, server, messages, **more):
        return server.client().chat.completions.create(
            model=stack.MODEL_ID, messages=messages, max_tokens=8, seed=1, extra_body=more
        )

    def test_later_turns_find_what_was_cached_though_there_are_two_workers(self):
        workers = [self.start(stack.worker()) for _ in range(2)]
        router = self.start(stack.router(workers))
        for name in ({}, {"session_id": "a"}, {"prompt_cache_key": "b"}):
            for talk in range(3):
                messages = [{"role": "user", "content": f"{talk} {name} {FIRST}"}]
                for turn in range(3):
                    answer = self.chat(router, messages, **name and {key: f"{v}{talk}" for key, v in name.items()})
                    if turn > 0:
                        self.assertGreater(answer.usage.prompt_tokens_details.cached_tokens, 0)
                    messages += [answer.choices[0].message.model_dump(include={"role", "content"})]
                    messages += [{"role": "user", "content": "And then?"}]
        # Talks that have nothing to do with each other go to both.
        for worker in workers:
            self.assertGreater(worker.metric("quern_worker_prompt_tokens_total"), 0)
        # Where its worker is gone, a talk goes on at the other.
        workers[0].kill()
        self.assertEqual(len(self.chat(router, [{"role": "user", "content": f"0 {{}} {FIRST}"}]).choices), 1)

    def test_a_request_ends_when_its_time_is_over_with_what_it_has(self):
        with tempfile.TemporaryDirectory() as folder:
            model = stack.endless_model(folder)
            # Enough for a few tokens on a machine that is busy, too.
            bounded = self.start(stack.worker(model, model_id="endless", timeout=3))
            free = self.start(stack.worker(model, model_id="endless", slots=1))
            cases = [(bounded, {}), (free, {"x-request-timeout": "3"}), (bounded, {"x-request-timeout": "3600"})]
            cases.append((self.start(stack.router([free])), {"x-request-timeout": "3"}))
            for server, headers in cases:
                request = {"model": "endless", "prompt": "And", "max_tokens": 30_000, "extra_headers": headers}
                whole = server.client().completions.create(**request).choices[0]
                self.assertEqual((whole.finish_reason, whole.stop_reason), ("length", "timeout"))
                self.assertGreater(len(whole.text), 0)
                chunks = list(server.client().completions.create(stream=True, **request))
                self.assertEqual(chunks[-1].choices[0].finish_reason, "length")
                self.assertGreater(len(chunks), 2)
            # One that waits for a slot all its time has no text at all.
            taken = free.client().completions.create(model="endless", prompt="And", max_tokens=30_000, stream=True)
            next(taken)
            with self.assertRaises(openai.APIStatusError) as caught:
                free.client().completions.create(**request)
            self.assertEqual((caught.exception.status_code, caught.exception.code), (408, "request_timeout"))
            with self.assertRaises(openai.BadRequestError) as caught:
                free.client().completions.create(**request | {"extra_headers": {"x-request-timeout": "soon"}})
            self.assertEqual(caught.exception.body["param"], "x-request-timeout")
            taken.close()


if __name__ == "__main__":
    unittest.main()
