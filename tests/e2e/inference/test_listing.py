"""What `/v1/models` says of a checkpoint's precision and of prices that nobody told."""

import json
import shutil
import struct
import tempfile
import unittest
from pathlib import Path

import stack

# How a number of 32 bits is stored in 16: bfloat16 is its upper half.
SHORTER = {
    "BF16": lambda data: bytes(byte for at, byte in enumerate(data) if at % 4 > 1),
    "F16": lambda data: struct.pack(f"<{len(data) // 4}e", *struct.unpack(f"<{len(data) // 4}f", data)),
}


def stored(folder, dtype):
    """The packaged model, its numbers stored in 16 bits."""
    copy = Path(folder) / dtype
    shutil.copytree(stack.MODEL, copy, ignore=shutil.ignore_patterns("SHA256SUMS"))
    path = copy / "model.safetensors"
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", name
            entry |= {"dtype": dtype, "data_offsets": [at // 2 for at in entry["data_offsets"]]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + SHORTER[dtype](data))
    return copy


def listed(workers, **options):
    gateway = stack.router(workers, **options)
    try:
        client = gateway.client()
        entries = {entry["id"]: entry for entry in client.get("/models", cast_to=object)["data"]}
        documents = client.get("/models?format=openrouter", cast_to=object)["data"]
    finally:
        gateway.stop()
        gateway.discard()
    return entries, {document["id"]: document for document in documents}


class Listing(unittest.TestCase):
    def test_a_checkpoint_is_listed_in_the_precision_that_it_is_stored_in(self):
        with tempfile.TemporaryDirectory() as folder:
            models = {"fp32": stack.MODEL, "bf16": stored(folder, "BF16"), "fp16": stored(folder, "F16")}
            workers = [stack.worker(model, model_id=name) for name, model in models.items()]
            try:
                entries, documents = listed(workers)
            finally:
                for worker in workers:
                    worker.stop()
                    worker.discard()
        for name in models:
            self.assertEqual((entries[name]["quantization"], documents[name]["quantization"]), (name, name))

    def test_a_price_that_nobody_told_is_not_zero_and_what_has_a_price_is_not_free(self):
        worker = stack.worker()
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "listing.json"
                path.write_text(json.dumps({stack.MODEL_ID: {"pricing": {"prompt": "0.0000001", "completion": "0.0000002"}}}))
                entries, documents = listed([worker], listing=path)
            free, _ = listed([worker])
        finally:
            worker.stop()
            worker.discard()
        entry, document = entries[stack.MODEL_ID], documents[stack.MODEL_ID]
        self.assertEqual(
            entry["pricing"], {"prompt": "0.0000001", "completion": "0.0000002", "image": "0", "request": "0"}
        )
        self.assertEqual((entry["is_free"], document["is_free"]), (False, False))
        (text,) = document["input_modalities"]
        self.assertEqual([price["type"] for price in text["pricing"]], ["prompt"])
        self.assertEqual((free[stack.MODEL_ID]["is_free"], free[stack.MODEL_ID]["pricing"]["input_cache_read"]), (True, "0"))


if __name__ == "__main__":
    unittest.main()
