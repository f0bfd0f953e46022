"""Every check of one receipt. A check that fails is named; nothing is taken from a worker's word."""

import json
from dataclasses import dataclass, field

from .curve import verify
from .formats import cost, unb64
from .replay import CLIP, SLACK, sampler_of
from .trees import leaf, node, root_of

# A gap above this is no rounding: equal weights give some 1e-5.
TOLERANCE = 0.01


@dataclass
class Finding:
    """What came of one receipt."""

    id: str
    session: int
    nonce: int
    host: str
    payer: str
    capture: int
    tokens: int = 0
    batch: int | None = None
    # What contradicts the formats, the chain or the payer's own request.
    wrong: list = field(default_factory=list)
    # What re-execution says: exact, rounding, another model, unexplained; none without the payer's request.
    output: str | None = None
    mean_gap: float = 0.0
    largest_gap: float = 0.0

    @property
    def honest(self):
        return not self.wrong and self.output in ("exact", "rounding")


class Verifier:
    """Checks receipts against a chain's blocks, the payer's requests, and the models, by the hashes of their files."""

    def __init__(self, chain, models):
        self.chain, self.formats, self.models = chain, chain.formats, models
        self.seen = {}

    def check(self, kept, proofs, requests):
        """`kept` is what the router holds, `proofs` the places of receipts in batches by id, `requests` what payers sent
        and read, by the content's hash."""
        receipt, signature, salt = kept["signed"]["receipt"], unb64(kept["signed"]["signature"]), unb64(kept["salt"])
        voucher = receipt["voucher"]
        digest = self.formats.receipt(receipt)
        found = Finding(
            digest.hex(), voucher["session"], voucher["nonce"], voucher["host"], kept["key"], int(receipt["capture"])
        )
        wrong = found.wrong.append
        session = self.chain.session(voucher["session"])
        if digest.hex() != kept["id"]:
            wrong("its id is not its digest")
        if self.seen.setdefault((voucher["session"], voucher["nonce"], voucher["host"]), digest) != digest:
            wrong("the host signed another receipt for the same request")
        self.statements(receipt, signature, digest, session, salt, wrong)
        self.money(receipt, session, wrong)
        found.batch = self.place(proofs.get(found.id), receipt, digest, wrong)
        request = next((r for r in requests if self.asked(r, salt, receipt)), None)
        if request is None:
            wrong("no payer sent this request")
            return found
        if model := self.models.get(unb64(session["model_hash"])):
            self.output(receipt, request, salt, model, found)
        return found

    def statements(self, receipt, signature, digest, session, salt, wrong):
        voucher = receipt["voucher"]
        key = unb64(session["session_key"])
        if not verify(key, self.formats.voucher(voucher), unb64(receipt["voucher_signature"])):
            wrong("the voucher is not signed by the session's key")
        keys = self.chain.warm_keys(voucher["host"], voucher["height"])
        if not any(verify(key, digest, signature) for key in keys):
            wrong("the receipt is not signed by the host's warm key")
        if unb64(voucher["salt_commitment"]) != self.formats.salt_commitment(voucher["session"], voucher["nonce"], salt):
            wrong("the voucher commits to another salt")
        if voucher["host"] not in [member["host"] for member in session["committee"]]:
            wrong("the host is not in the session's committee")
        if unb64(session["model_hash"]) not in self.models:
            wrong("the session's model has the hash of no model's files")
        if unb64(receipt["model_hash"]) != unb64(session["model_hash"]):
            wrong("the model's hash is not that of the session's model")

    def money(self, receipt, session, wrong):
        voucher, usage = receipt["voucher"], receipt["usage"]
        price = self.chain.price(session["model"], voucher["height"])
        if receipt["price"] != price:
            wrong(f"its price {receipt['price']} is not the chain's, {price}")
        due = min(cost(receipt["price"], session["coefficients"], usage), int(voucher["ceiling"]))
        if int(receipt["capture"]) > min(due, int(voucher["cap"])):
            wrong("it captures more than the usage costs or the voucher allows")
        if not session["drawn_at"] <= voucher["height"] <= session["closes_at"]:
            wrong("the voucher's height is outside of the session")

    def place(self, proof, receipt, digest, wrong):
        """The sequence of the batch whose root on the chain holds the receipt; None while none does."""
        if proof is None:
            return None
        host, session = receipt["voucher"]["host"], proof["leaf"]
        batch = self.chain.batch(host, proof["batch"])
        subroot = root_of(proof["receipt_proof"], leaf(digest, int(receipt["capture"])))
        whole = leaf(self.formats.session_leaf(host, session), int(session["subroot"]["sum"]))
        fits = (
            batch is not None
            and session["session"] == receipt["voucher"]["session"]
            and session["first_nonce"] <= receipt["voucher"]["nonce"] <= session["last_nonce"]
            and proof["receipt_proof"]["count"] == session["count"]
            and proof["leaf_proof"]["count"] == batch[2]
            and subroot == node(session["subroot"])
            and root_of(proof["leaf_proof"], whole) == batch[1]
        )
        if not fits:
            wrong("it is not under the batch's root on the chain")
            return None
        return proof["batch"]

    def asked(self, request, salt, receipt):
        content = self.formats.content(request["path"], request["body"])
        return self.formats.request(salt, content) == unb64(receipt["request_hash"])

    def output(self, receipt, asked, salt, model, found):
        """Re-executes the request and compares seed, usage, finish and every token."""
        wrong, voucher, usage = found.wrong.append, receipt["voucher"], receipt["usage"]
        request = json.loads(asked["body"])
        content = self.formats.content(asked["path"], asked["body"])
        if receipt["client_seed"] != request.get("seed"):
            wrong("its seed is not the client's")
        if request.get("seed") is None:
            place = voucher["session"], voucher["nonce"]
            hashed = unb64(receipt["request_hash"])
            seed = self.formats.voucher_seed(*place, hashed, salt, self.chain.beacon(voucher["height"]))
        else:
            seed = self.formats.client_seed(voucher["session"], content, request["seed"])
        if self.formats.seed_commitment(seed) != unb64(receipt["seed_commitment"]):
            wrong("it commits to another seed than the one that follows from voucher and beacon")
        if receipt["temperature"] != int(request.get("temperature", 1.0) * 10**6 + 0.5):
            wrong("its temperature is not the request's")
        prompt = model.prompt(asked["path"], request)
        if (usage["prompt"], usage["cached"]) != (len(prompt), 0):
            wrong(f"it counts {usage['prompt']} prompt tokens, the request has {len(prompt)}")
        most = request.get("max_tokens") or request.get("max_completion_tokens") or model.context
        if not 0 < usage["completion"] <= min(most, model.context - len(prompt)):
            wrong("it counts more output than was asked for, or none")
            return
        found.tokens = usage["completion"]
        sampler = sampler_of(seed, request)

        def is_the_output(tokens):
            return self.formats.output(salt, tokens) == unb64(receipt["output_hash"])

        text = asked["text"].rstrip("\ufffd").encode()
        recovered = model.recover(prompt, usage["completion"], sampler, text, is_the_output)
        if recovered is None:
            found.output = "unexplained"
            return
        tokens, rows = recovered
        gaps = [sampler.gap(row, t, token, SLACK, CLIP) for t, (token, row) in enumerate(zip(tokens, rows))]
        found.mean_gap, found.largest_gap = sum(gaps) / len(gaps), max(gaps)
        verdicts = ((0.0, "exact"), (TOLERANCE, "rounding"), (CLIP, "another model"))
        found.output = next(name for most, name in verdicts if found.largest_gap <= most)
        ended = tokens[-1] in model.ends
        if any(token in model.ends for token in tokens[:-1]):
            wrong("the output goes on after its end")
        if "stop" not in request and (receipt["finish"] == "stop") != ended:
            wrong(f"it says that the output ended by {receipt['finish']}")
