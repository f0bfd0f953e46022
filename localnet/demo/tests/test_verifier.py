"""The verifier reads the specification as its committed test vectors do, and finds what is wrong."""

import json
import sys
import unittest
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "localnet/demo"))

from verifier import curve, trees, wire  # noqa: E402
from verifier.formats import Formats, cost, next_beacon, unb64  # noqa: E402
from verifier.sampler import Sampler  # noqa: E402

VECTORS = json.loads((ROOT / "contracts/packages/protocol/tests/vectors.json").read_text())
DRAWS = json.loads((ROOT / "inference-worker/engine/tests/vectors/sampler.json").read_text())
FORMATS = Formats(VECTORS["chain_id"])


class Statements(unittest.TestCase):
    def test_digests_are_those_of_the_vectors(self):
        self.assertEqual(FORMATS.voucher(VECTORS["voucher"]["voucher"]).hex(), VECTORS["voucher"]["digest"])
        for name in ("receipt", "client_seed_receipt"):
            made = VECTORS[name]
            self.assertEqual(FORMATS.receipt(made["receipt"]).hex(), made["digest"])
            opening, voucher = made["opening"], made["receipt"]["voucher"]
            salt = bytes.fromhex(opening["salt"])
            content = FORMATS.content(opening["path"], opening["body"].encode())
            self.assertEqual(FORMATS.request(salt, content), unb64(made["receipt"]["request_hash"]))
            self.assertEqual(FORMATS.output(salt, opening["output_tokens"]), unb64(made["receipt"]["output_hash"]))
            place = voucher["session"], voucher["nonce"]
            self.assertEqual(FORMATS.salt_commitment(*place, salt), unb64(voucher["salt_commitment"]))

    def test_a_signature_holds_for_its_own_digest_only(self):
        made = VECTORS["voucher"]
        key, digest, signature = (bytes.fromhex(made[part]) for part in ("key", "digest", "signature"))
        self.assertTrue(curve.verify(key, digest, signature))
        self.assertFalse(curve.verify(key, digest[::-1], signature))
        high = signature[:32] + (curve.N - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
        self.assertFalse(curve.verify(key, digest, high))
        other = bytes.fromhex(VECTORS["receipt"]["key"])
        self.assertFalse(curve.verify(other, digest, signature))

    def test_costs(self):
        coefficients = {"input": 300000, "cached": 30000, "output": 1000000}
        for row in VECTORS["costs"]:
            self.assertEqual(cost(row["price"], coefficients, row["usage"]), int(row["cost"]))


class Trees(unittest.TestCase):
    def test_proofs_lead_to_the_root_and_changed_ones_do_not(self):
        batch = VECTORS["batch"]
        nodes = [trees.leaf(FORMATS.receipt(r), int(r["capture"])) for r in batch["receipts"]]
        subroot = trees.node(batch["leaves"][0]["subroot"])
        proof = batch["receipt_proof"]
        self.assertEqual(trees.root_of(proof["proof"], nodes[proof["of"]]), subroot)
        self.assertNotEqual(trees.root_of(proof["proof"], nodes[0]), subroot)
        own = batch["leaves"][batch["leaf_proof"]["of"]]
        node = trees.leaf(FORMATS.session_leaf(batch["host"], own), int(own["subroot"]["sum"]))
        self.assertEqual(trees.root_of(batch["leaf_proof"]["proof"], node), trees.node(batch["root"]))
        longer = dict(batch["leaf_proof"]["proof"], siblings=[*batch["leaf_proof"]["proof"]["siblings"]] * 2)
        self.assertIsNone(trees.root_of(longer, node))

    def test_proofs_of_every_size(self):
        import hashlib
        for tree in VECTORS["trees"]:
            i = tree["count"] - 1
            leaf = trees.leaf(hashlib.sha256(f"leaf {i}".encode()).digest(), i * i + 1)
            self.assertEqual(trees.root_of(tree["proof_of_last"], leaf), trees.node(tree["root"]), tree["count"])


class Sampling(unittest.TestCase):
    def test_noise_is_that_of_the_vectors(self):
        checked = 0
        for row in DRAWS["noise"]:
            if row["c"] == 0:
                noise = Sampler(bytes.fromhex(row["seed"]), 1.0, 1.0).noise(row["t"], row["v"] + 1)[row["v"]]
                self.assertAlmostEqual(noise, row["gumbel"], places=12)
                checked += 1
        self.assertGreater(checked, 4)

    def test_draws_of_temperature_and_top_p_are_those_of_the_vectors(self):
        checked = 0
        for case in DRAWS["draws"]:
            if set(case["params"]) - {"temperature", "top_p"} or "grammar" in case or case["c"]:
                continue
            params, logits = case["params"], numpy.array(case["logits"][: case["tokens"]], numpy.float32)
            sampler = Sampler(bytes.fromhex(case["seed"]), params.get("temperature", 1.0), params.get("top_p", 1.0))
            self.assertEqual(sampler.draw(logits, case["t"]), case["token"])
            self.assertEqual(sampler.gap(logits, case["t"], case["token"], 1e-3, 1.0), 0)
            others = set(range(len(logits))) - {case["token"]}
            self.assertTrue(all(sampler.gap(logits, case["t"], v, 0, 1.0) > 0 for v in others if len(set(logits)) > 1))
            checked += 1
        self.assertGreater(checked, 5)


class Wire(unittest.TestCase):
    def test_fields_survive(self):
        data = wire.field(1, 300) + wire.field(2, b"abc") + wire.field(3, 0) + wire.field(2, b"d" * 200)
        self.assertEqual(wire.read(data), [(1, 300), (2, b"abc"), (2, b"d" * 200)])

    def test_beacons_follow_from_genesis(self):
        import re
        text = (ROOT / "docs/spec/beacon.md").read_text()
        vectors = json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[-1])
        value = Formats(vectors["genesis"]["chain_id"]).first_beacon()
        self.assertEqual(value.hex(), vectors["genesis"]["beacon"])
        for block in vectors["blocks"]:
            value = next_beacon(value, bytes.fromhex(block["preimage"]))
            self.assertEqual(value.hex(), block["beacon"])


if __name__ == "__main__":
    unittest.main()
