"""Log-probabilities of a prompt's tokens (`echo` with `logprobs`), as evaluation harnesses ask for them, beside those that
`transformers` computes from the same weights."""

import sys
import tempfile
import unittest

import stack

sys.path.insert(0, str(stack.ROOT / "inference-worker/reference"))
import reference
import torch

MODEL = stack.MODEL_ID
TEXTS = [
    "In the beginning God created the heaven and the earth.",
    "The café of Zoë: 日本 🙂, and so on",
    "And it came to pass " * 40,
]
CLOSE = 1e-4


def setUpModule():
    global folder, worker, gateway, client, weights
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    worker = stack.worker(slots=4)
    gateway = stack.router([worker], keys=keys)
    client = gateway.client(key)
    weights = reference.load(stack.MODEL, threads=1)


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def expected(ids):
    """Logarithms of the probability of every token after each position but the last."""
    return torch.log_softmax(reference.prefill_logits(weights, ids), dim=-1)[:-1]


def ask(**more):
    request = {"model": MODEL, "echo": True, "logprobs": 3, "max_tokens": 0, "temperature": 0} | more
    return client.completions.create(**request)


def tokens(text):
    return worker.client().post("../tokenize", body={"prompt": text}, cast_to=object)["tokens"]


class PromptScores(unittest.TestCase):
    def close(self, told, ids, count):
        wanted = expected(ids)
        self.assertEqual(len(told.token_logprobs), count)
        self.assertIsNone(told.token_logprobs[0])
        self.assertIsNone(told.top_logprobs[0])
        for at, (own, top) in enumerate(zip(told.token_logprobs[1:], told.top_logprobs[1:])):
            self.assertAlmostEqual(own, wanted[at, ids[at + 1]].item(), delta=CLOSE)
            best = wanted[at].topk(3).values.tolist()
            self.assertIn(len(top), (3, 4))
            for one, other in zip(sorted(top.values(), reverse=True), best):
                self.assertAlmostEqual(one, other, delta=CLOSE)
            self.assertIn(own, top.values())

    def test_they_are_those_of_transformers_for_a_text_and_for_tokens(self):
        for text in TEXTS:
            ids = tokens(text)
            answer = ask(prompt=text)
            choice = answer.choices[0]
            self.assertEqual((choice.text, choice.finish_reason), (text, "length"))
            self.assertEqual((answer.usage.prompt_tokens, answer.usage.completion_tokens), (len(ids), 0))
            self.close(choice.logprobs, ids, len(ids))
            # Each token stands where it is said to.
            for name, at in zip(choice.logprobs.tokens[1:], choice.logprobs.text_offset[1:]):
                if not name.startswith("bytes:"):
                    self.assertTrue(text[at:].startswith(name), (name, at))
            alone = ask(prompt=ids).choices[0]
            self.assertEqual(alone.logprobs.token_logprobs, choice.logprobs.token_logprobs)

    def test_an_output_follows_its_prompt_whole_and_in_a_stream(self):
        for prompt in (TEXTS[1], tokens(TEXTS[2])):
            whole = ask(prompt=prompt, max_tokens=6).choices[0]
            plain = ask(prompt=prompt, max_tokens=6, echo=False).choices[0]
            own, told = plain.logprobs, whole.logprobs
            count = len(told.tokens) - len(own.tokens)
            self.assertEqual(told.tokens[count:], own.tokens)
            self.assertEqual(told.token_logprobs[count:], own.token_logprobs)
            before = len(whole.text) - len(plain.text)
            self.assertEqual(told.text_offset[count:], [before + at for at in own.text_offset])
            ids = prompt if isinstance(prompt, list) else tokens(prompt)
            self.close(told.model_copy(update={"token_logprobs": told.token_logprobs[:count]}), ids, len(ids))
            chunks = [chunk.choices[0] for chunk in ask(prompt=prompt, max_tokens=6, stream=True)]
            self.assertEqual("".join(chunk.text for chunk in chunks), whole.text)
            for field in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
                pieces = [getattr(chunk.logprobs, field) for chunk in chunks if chunk.logprobs]
                self.assertEqual(sum(pieces, []), getattr(told, field), field)

    def test_a_harness_scores_continuations_of_many_contexts_at_once(self):
        # As lm-evaluation-harness does: lists of ids, one token more than is asked about, and whether it was the greedy choice.
        context = tokens("In the beginning God")
        ends = [tokens(text)[1:] for text in (" created the heaven", " and", " zzz qqq")]
        answer = ask(prompt=[context + end for end in ends], max_tokens=1, logprobs=1, seed=1234)
        for choice, end in zip(answer.choices, ends):
            ids, told = context + end, choice.logprobs
            own = told.token_logprobs[len(context) : -1]
            wanted = expected(ids)[len(context) - 1 :]
            sum_of = sum(wanted[at, token].item() for at, token in enumerate(end))
            self.assertAlmostEqual(sum(own), sum_of, delta=len(end) * CLOSE)
            greedy = [max(top.values()) == p for p, top in zip(own, told.top_logprobs[len(context) : -1])]
            self.assertEqual(greedy, [row.argmax().item() == token for row, token in zip(wanted, end)])

    def test_choices_have_it_each_and_what_is_cached_changes_nothing(self):
        client.completions.create(model=MODEL, prompt=TEXTS[2], max_tokens=1)
        answer = ask(prompt=TEXTS[2], n=2, max_tokens=2, temperature=1, seed=5)
        first, second = (choice.logprobs for choice in answer.choices)
        count = len(tokens(TEXTS[2]))
        self.assertEqual(first.token_logprobs[:count], second.token_logprobs[:count])
        self.assertEqual(answer.usage.prompt_tokens_details.cached_tokens, 0)

    def test_what_is_too_long_is_told_as_ever(self):
        for more in ({"prompt": [5] * 513}, {"prompt": [5] * 513, "echo": False}, {"prompt": [5] * 512, "max_tokens": 1}):
            with self.assertRaises(stack.openai.BadRequestError) as refused:
                ask(**more)
            self.assertEqual(refused.exception.code, "context_length_exceeded")
        self.assertEqual(len(ask(prompt=[5] * 512).choices[0].logprobs.tokens), 512)


if __name__ == "__main__":
    unittest.main()
